/**
 * Whether the cost of packing follows what is read or the size of the disk:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/large-image.ts [FILES]
 *
 * Makes aged images of 16 GiB and of 1 TiB, each with a twentieth of FILES and with
 * FILES (a million) inodes in use, 85 % full, sparse on the disk they lie on (500 MB
 * each). A boot reads the same number of files on all of them, scattered over the whole
 * disk. It is measured, packed into free space, and packed with eviction at a goal amid
 * other files. e2fsck judges each image before and after, whose own time is what the
 * others' are compared with: it too looks at every inode in use. debugfs tells whether
 * the boot's blocks lie in one run, and each block carries a stamp.
 */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { count as figure } from '../../src/text/units.js'
import { checkBoot } from '../support/bench-boot.js'
import { makeLargeImage } from '../support/bench-image.js'
import { benchFolder, costOf, costOfBootpack, type Cost } from '../support/bench-process.js'

const most = Number(process.argv[2] ?? 1_000_000)
const gib = 2 ** 30
const folder = benchFolder()
const rows: string[][] = []
const cell = ({ seconds, cpuSeconds, peakMiB }: Cost): string =>
  `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s)${Number.isNaN(peakMiB) ? '' : ` ${peakMiB.toFixed(0)} MiB`}`
try {
  const image = join(folder.path, 'large.img')
  const list = join(folder.path, 'list.txt')
  for (const files of [most / 20, most]) {
    for (const [name, size] of [
      ['16 GiB', 16 * gib],
      ['1 TiB', 1024 * gib],
    ] as const) {
      const make = (): ReturnType<typeof makeLargeImage> => {
        const made = makeLargeImage(image, { size, files, bootFiles: 500, bootBlocks: 38, full: 0.85, seed: 1 })
        writeFileSync(list, made.boot.join('\n').concat('\n'))
        return made
      }
      const began = performance.now()
      const made = make()
      const making = (performance.now() - began) / 1000
      const fsck = costOf('e2fsck', ['-fn', image])
      console.error(
        `${name}, ${figure(made.inodes)} inodes in use, ${figure(made.extents)} extents, made in ${making.toFixed(0)} s, ${figure((statSync(image).blocks * 512) / 1e6)} MB on the disk it lies on`,
      )
      const measure = costOfBootpack(['measure', image, '--trace', list])
      const pack = costOfBootpack(['pack', image, '--trace', list])
      await checkBoot(image, made)
      make()
      const evict = costOfBootpack([
        'pack',
        image,
        '--trace',
        list,
        '--evict',
        '--goal',
        String(made.crowded),
        '--json',
      ])
      await checkBoot(image, made)
      const { plan } = JSON.parse(evict.stdout) as { plan: { cost: { evictedBlocks: number } } }
      rows.push([
        `${name}, ${figure(files)} files`,
        figure(made.bootBlocks),
        figure(plan.cost.evictedBlocks),
        cell(fsck),
        cell(measure),
        cell(pack),
        cell(evict),
        `${(evict.seconds / fsck.seconds).toFixed(1)}x`,
      ])
    }
  }
} finally {
  folder.remove()
}
console.log('seconds (of them processor) and peak memory')
console.log(table(['', 'boot blocks', 'evicted', 'e2fsck -fn', 'measure', 'pack', 'pack --evict', 'to e2fsck'], rows))
