/**
 * Packing on a disk with little room:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/nearly-full.ts IMAGE TRACE [PERCENT...]
 *
 * Fills copies of the image with debugfs, files of 1 MiB, up to each percentage of its
 * blocks (97 unless given), and packs them with --evict. Rounds, bytes and breaks are
 * shown, or what bootpack says is short; either way e2fsck and the contents of every
 * file are compared with before.
 */
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { bytes, count as figure } from '../../src/text/units.js'
import { summary } from '../support/bench-debugfs.js'
import { judge, say, stateOf } from '../support/bench-judge.js'
import { count, namesOf, readOrder } from '../support/bench-order.js'
import { benchArguments, benchFolder, bootpackJson, type Packed } from '../support/bench-process.js'
import { run } from '../support/tools.js'

const [image, trace, ...percents] = benchArguments(2, 'nearly-full.ts IMAGE TRACE [PERCENT...]')
const folder = benchFolder()
const rows: string[][] = []
const short: string[] = []
try {
  const copy = join(folder.path, 'full.img')
  for (const percent of percents.length > 0 ? percents.map(Number) : [97]) {
    copyFileSync(image!, copy)
    fill(copy, percent)
    const before = await stateOf(copy)
    const { blockSize, blockCount, freeBlocks } = before.seen
    const full = `${(100 - (100 * freeBlocks) / blockCount).toFixed(2)} % (${bytes(freeBlocks * blockSize)} free)`
    const order = await readOrder(trace!, copy, before.seen)
    const names = namesOf(before.seen)
    const packed = bootpackJson<Packed>(['pack', copy, '--trace', trace!, '--evict'], [0, 3, 4, 7])
    const after = await stateOf(copy)
    const [then, now] = [count(order, before.seen, names), count(order, after.seen, names)]
    const { cost, applied } = { cost: packed.plan?.cost, applied: packed.applied }
    rows.push([
      full,
      figure(then.breaks),
      figure(now.breaks),
      figure(then.distance),
      figure(now.distance),
      String(packed.cost.status),
      ...(cost
        ? [
            String(applied?.rounds ?? 0),
            bytes(cost.bytesWritten),
            bytes(cost.evictedBlocks * blockSize),
            bytes(cost.stagedBlocks * blockSize),
          ]
        : ['', '', '', '']),
      packed.cost.seconds.toFixed(1),
      packed.cost.peakMiB.toFixed(0),
    ])
    if (packed.error) short.push(`${full}: ${packed.error.message} ${packed.error.next}`)
    console.log(full)
    if (say(judge(copy, before, after, order.inodes)).length > 0) process.exitCode = 1
    rmSync(copy)
  }
} finally {
  folder.remove()
}
console.log(
  `\n${table(['in use', 'breaks', 'after', 'distance', 'after', 'exit', 'rounds', 'written', 'of others', 'twice', 'seconds', 'peak MiB'], rows)}`,
)
for (const line of short) console.log(line)

/** Files whose blocks say where they belong, so that a block in the wrong file is noticed. */
function fill(path: string, percent: number): void {
  const { blockSize, blockCount, freeBlocks } = summary(path)
  let wanted = Math.floor(freeBlocks - blockCount * (1 - percent / 100))
  if (wanted <= 0) return
  const perFile = 2 ** 20 / blockSize
  const commands = ['mkdir /bootpack-bench-junk', 'cd /bootpack-bench-junk']
  // Directory and extent-tree blocks come on top; a file with so many extents has one or two.
  for (let file = 0; wanted > 2; file++) {
    const blocks = Math.min(perFile, wanted - 1)
    const source = join(folder.path, `junk${file}`)
    const contents = Buffer.alloc(blocks * blockSize)
    for (let block = 0; block < blocks; block++)
      contents.fill(`junk file ${file} block ${block}\n`, block * blockSize, (block + 1) * blockSize)
    writeFileSync(source, contents)
    commands.push(`write ${source} junk${file}`)
    wanted -= blocks + 1
  }
  run('debugfs', ['-w', '-f', '-', path], { input: commands.join('\n').concat('\n') })
  for (const command of commands) if (command.startsWith('write ')) rmSync(command.split(' ')[1]!)
}
