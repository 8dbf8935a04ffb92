/**
 * What packing does to a real, aged image, judged by others than bootpack:
 *
 *   node --import tsx --conditions=bootpack-source test/bench/aged-image.ts IMAGE TRACE [FLAG...]
 *
 * Packs a copy with --evict and the flags. Breaks and seek distance before and after
 * are counted from debugfs' view of all inodes and compared with bootpack's own
 * measure; e2fsck judges the result; the contents of every file, its owner, times and
 * attributes are compared with before, and no file outside the boot set may have more
 * extents. As root the same is seen through a read-only mount by the kernel, and where
 * the image carries the lab's stamps, each block says whether it is in its place.
 *
 * TRACE: a list of paths, or the text of a kernel trace. Exits with 1 when anything
 * was not as it should be.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/text/table.js'
import { bytes, count as figure } from '../../src/text/units.js'
import { contentsByKernel, checkStamp, type MountedFiles } from '../support/bench-contents.js'
import type { SeenImage } from '../support/bench-debugfs.js'
import { judge, say, stateOf, type Finding } from '../support/bench-judge.js'
import { count, namesOf, readOrder, type Counted } from '../support/bench-order.js'
import { benchArguments, benchFolder, bootpackJson, type Measured, type Packed } from '../support/bench-process.js'
import { isRoot } from '../support/tools.js'
import { loopMounted } from '../support/mount.js'

const [image, trace, ...flags] = benchArguments(2, 'aged-image.ts IMAGE TRACE [FLAG...]')
const folder = benchFolder()
try {
  const copy = join(folder.path, 'packed.img')
  copyFileSync(image!, copy)
  const before = await stateOf(copy)
  const order = await readOrder(trace!, copy, before.seen)
  const names = namesOf(before.seen)
  const mountedBefore = throughKernel(copy, before.seen)

  const packed = bootpackJson<Packed>(['pack', copy, '--trace', trace!, '--evict', ...flags])
  const { applied, after: measuredAfter } = packed
  if (!applied || !measuredAfter) throw new Error('there was nothing to gain')
  const after = await stateOf(copy)
  const counted = { before: count(order, before.seen, names), after: count(order, after.seen, names) }
  const again = order.named ? bootpackJson<Measured>(['measure', copy, '--trace', trace!]) : undefined

  const extentsOf = (seen: SeenImage): number =>
    [...order.inodes].reduce((sum, inode) => sum + (seen.inodes.get(inode)?.extents.length ?? 0), 0)
  const {
    measure: { before: measuredBefore },
    cost,
  } = packed.plan
  console.log(
    table(
      ['', 'before', 'after'],
      [
        ['files read', figure(order.inodes.size), figure(order.inodes.size)],
        ['their extents', figure(extentsOf(before.seen)), figure(extentsOf(after.seen))],
        ['blocks read', figure(counted.before.blocks), figure(counted.after.blocks)],
        ['breaks, by debugfs', figure(counted.before.breaks), figure(counted.after.breaks)],
        ['breaks, by bootpack', figure(measuredBefore.seeks), figure(measuredAfter.seeks)],
        ['seek distance (blocks), by debugfs', figure(counted.before.distance), figure(counted.after.distance)],
        [
          'seek distance (blocks), by bootpack',
          figure(measuredBefore.seekDistanceBlocks),
          figure(measuredAfter.seekDistanceBlocks),
        ],
      ],
    ),
  )
  console.log(
    `\npack: ${packed.cost.seconds.toFixed(1)} s, peak ${packed.cost.peakMiB.toFixed(0)} MiB, ${applied.rounds} rounds, ${bytes(cost.bytesWritten)} written: ` +
      `${figure(cost.placedBlocks)} blocks of the boot, ${figure(cost.evictedBlocks)} of others, ${figure(cost.stagedBlocks)} twice\n`,
  )

  const wrong = say([
    { what: 'bootpack counts as debugfs does, before', right: same(counted.before, measuredBefore), why: '' },
    { what: 'bootpack counts as debugfs does, after pack', right: same(counted.after, measuredAfter), why: '' },
    {
      what: 'bootpack measure on the packed image counts the same',
      right: again && same(counted.after, again),
      why: 'a kernel trace names metadata by its place before packing',
    },
    { what: 'all of the plan is carried out, by its own word', right: applied.complete, why: '' },
    ...judge(copy, before, after, order.inodes),
    ...kernelFindings(mountedBefore, throughKernel(copy, after.seen)),
  ])
  if (wrong.length > 0) process.exitCode = 1
} finally {
  folder.remove()
}

function same(mine: Counted, theirs: Measured): boolean {
  return (
    mine.breaks === theirs.seeks && mine.distance === theirs.seekDistanceBlocks && mine.blocks === theirs.readBlocks
  )
}

function throughKernel(path: string, { blockSize }: SeenImage): MountedFiles | undefined {
  return isRoot
    ? loopMounted(path, (mounted) => contentsByKernel(mounted, blockSize, checkStamp), 'ro,noload,noatime')
    : undefined
}

function kernelFindings(before: MountedFiles | undefined, after: MountedFiles | undefined): Finding[] {
  if (!before || !after) return [{ what: 'the kernel sees the same', right: undefined, why: 'needs root to mount' }]
  const differing = [...before.attributes]
    .filter(([path, text]) => after.attributes.get(path) !== text)
    .map(([path]) => path)
  return [
    {
      what: `the kernel sees the same ${figure(after.attributes.size)} names, owners, modes and times`,
      right: differing.length === 0 && after.attributes.size === before.attributes.size,
      why: differing.slice(0, 5).join(', '),
    },
    before.wrongBlocks > 0
      ? { what: 'stamps', right: undefined, why: `there were none before: ${before.wrong[0]}` }
      : {
          what: `stamps, through the kernel, of ${figure(after.regular)} regular files, ${figure(after.blocks)} blocks`,
          right: after.wrongBlocks === 0,
          why: `${after.wrongBlocks} wrong: ${after.wrong.join('; ')}`,
        },
  ]
}
