/**
 * In which order the files of a boot should lie, judged by boots the order was not
 * made from.
 *
 * Every trace is held out in turn. The others are merged, as `bootpack trace merge`
 * does, which gives the set of files and the place they go to (the plan's own); then
 * the files are laid out there in each order, on paper, and the boot that was held out
 * is measured on that layout. Metadata always lies before the data, so only the order
 * of the files differs. `held out` is the order of the measured boot itself, which
 * nobody can know beforehand: no order can be expected to do better. One more line
 * places only the ranges the merged boots read (--granularity range): what the boot that
 * was held out reads besides lies where it was.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/order-by-use.ts [--train N] image trace trace...
 *
 * With --train only the N traces behind the one held out are merged, not all others.
 * Traces must name their files (`bootpack trace import --target`).
 */
import { openVolume } from '../../src/volume/open-volume.js'
import { engines } from '../../src/engines.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { measureLayout } from '../../src/measure/measure.js'
import { deviceReads } from '../../src/measure/device-reads.js'
import { bootItems, type BootItem } from '../../src/plan/resolve/boot-items.js'
import { resolveTrace, type BootSet } from '../../src/plan/resolve/boot-set.js'
import { createPlan } from '../../src/plan/create-plan.js'
import { nameFiles } from '../../src/plan/resolve/name-trace.js'
import { placeItems } from '../../src/plan/place/placement.js'
import { layoutAfter } from '../../src/plan/predict.js'
import { mergeTraces } from '../../src/trace/merge/merge.js'
import { readTrace } from '../../src/trace/read-trace.js'
import type { Trace } from '../../src/trace/model/trace.js'
import type { Volume } from '../../src/volume/volume.js'
import { Random } from '../support/random.js'
import { table } from '../../src/text/table.js'

/** Inodes in some order, made from the boots that may be seen. */
type Ordering = (
  files: readonly number[],
  training: readonly (readonly number[])[],
  path: (inode: number) => string,
) => number[]

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))
const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length === 0
    ? Infinity
    : sorted.length % 2 === 1
      ? sorted[middle]!
      : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** For every file its place among the files of each boot that reads it. */
function ranksOf(files: readonly number[], boots: readonly (readonly number[])[]): Map<number, (number | undefined)[]> {
  const wanted = new Set(files)
  const orders = boots.map(
    (boot) => new Map(boot.filter((inode) => wanted.has(inode)).map((inode, rank) => [inode, rank])),
  )
  return new Map(files.map((inode) => [inode, orders.map((order) => order.get(inode))]))
}

const known = (ranks: readonly (number | undefined)[]): number[] => ranks.filter((rank) => rank !== undefined)

/** By median rank; equal ranks lie by folder, then by name. */
const byMedian: Ordering = (files, training, path) => {
  const ranks = ranksOf(files, training)
  const rank = new Map(files.map((inode) => [inode, median(known(ranks.get(inode)!))]))
  return [...files].sort(
    (a, b) => rank.get(a)! - rank.get(b)! || compare(folderOf(path(a)), folderOf(path(b))) || compare(path(a), path(b)),
  )
}

/** By median rank in steps: within a step everything counts as read together, and lies by folder. */
const bySteps =
  (step: number): Ordering =>
  (files, training, path) => {
    const ranks = ranksOf(files, training)
    const stepOf = new Map(files.map((inode) => [inode, Math.floor(median(known(ranks.get(inode)!)) / step)]))
    return [...files].sort((a, b) => stepOf.get(a)! - stepOf.get(b)! || compare(path(a), path(b)))
  }

/** Files that are within `reach` of each other in every boot stay together; groups by median rank. */
const byGroups =
  (reach: number): Ordering =>
  (files, training, path) => {
    const order = byMedian(files, training, path)
    const ranks = ranksOf(files, training)
    const together = (a: number, b: number): boolean => {
      const [as, bs] = [ranks.get(a)!, ranks.get(b)!]
      return as.every(
        (rank, boot) =>
          (rank === undefined) === (bs[boot] === undefined) &&
          (rank === undefined || Math.abs(rank - bs[boot]!) <= reach),
      )
    }
    const groups: number[][] = []
    for (const inode of order) {
      const group = groups.find((members) => together(members.at(-1)!, inode))
      if (group) group.push(inode)
      else groups.push([inode])
    }
    return groups.flat()
  }

/** By median rank, then improved: single files are moved while that shortens the training boots' way through the run. */
const byWay: Ordering = (files, training, path) => {
  const order = byMedian(files, training, path)
  const wanted = new Set(files)
  const boots = training.map((boot) => boot.filter((inode) => wanted.has(inode)))
  const next = new Map<number, number[]>()
  for (const boot of boots)
    boot.forEach((inode, i) => {
      for (const other of [boot[i - 1], boot[i + 1]])
        if (other !== undefined) next.set(inode, [...(next.get(inode) ?? []), other])
    })
  for (let pass = 0; pass < 20; pass++) {
    const place = new Map(order.map((inode, i) => [inode, i]))
    // Each file goes to the median place of those read beside it.
    const wish = new Map(
      files.map((inode) => [
        inode,
        (place.get(inode)! + median((next.get(inode) ?? [inode]).map((other) => place.get(other)!))) / 2,
      ]),
    )
    order.sort((a, b) => wish.get(a)! - wish.get(b)! || place.get(a)! - place.get(b)!)
  }
  return order
}

const orderings: readonly (readonly [string, Ordering])[] = [
  [
    'first read of one boot',
    (files, training) => {
      const wanted = new Set(files)
      const first = training[0]!.filter((inode) => wanted.has(inode))
      return [...new Set([...first, ...files])]
    },
  ],
  ['first read in the merged trace', (files) => [...files]],
  ['median rank of files, ties by folder', byMedian],
  ['… in steps of 8, by folder in each', bySteps(8)],
  ['… in steps of 32, by folder in each', bySteps(32)],
  ['… groups within 2 in every boot', byGroups(2)],
  ['… groups within 8 in every boot', byGroups(8)],
  ['… drawn to what is read beside', byWay],
  ['path', (files, _, path) => [...files].sort((a, b) => compare(path(a), path(b)))],
  ['inode number', (files) => [...files].sort((a, b) => a - b)],
  ['none (shuffled)', (files) => new Random(7).shuffled(files)],
]

interface Figures {
  readonly seeks: number
  /** Blocks. */
  readonly distance: number
  /** Milliseconds on hdd-7200, without the transfer. */
  readonly positioning: number
}

const settleMs = 0.5
const strokeMs = 14.5
const halfRotationMs = 4.17

function figures(reads: readonly BootRead[], layout: Parameters<typeof deviceReads>[1], blockCount: number): Figures {
  let positioning = 0
  let end: number | undefined
  for (const { start, length } of deviceReads(reads, layout)) {
    if (end !== undefined && end !== start)
      positioning += settleMs + strokeMs * Math.sqrt(Math.abs(start - end) / blockCount) + halfRotationMs
    end = start + length
  }
  const { seeks, seekDistanceBlocks } = measureLayout(reads, layout, { blockSize: 4096, blockCount })
  return { seeks, distance: seekDistanceBlocks, positioning }
}

async function judge(
  volume: Volume,
  traces: readonly Trace[],
  held: number,
  most: number,
): Promise<Map<string, readonly [Figures, Figures]>> {
  const training = [...traces.slice(held + 1), ...traces.slice(0, held)].slice(0, most)
  const merged = mergeTraces(training)
  const { plan, boot } = await createPlan(volume, merged.reads, { target: 'here', evict: true, metadata: true })
  const unseen = await nameFiles(await resolveTrace(traces[held]!.reads, volume), volume)
  const boots: (readonly number[])[] = []
  for (const { reads } of training) boots.push((await resolveTrace(reads, volume)).files)
  const { blockCount } = volume.geometry()
  const trees = volume.capabilities.treeGrowth
  const { items } = bootItems(boot, volume.moves, { metadata: true, granularity: 'file', trees })
  const both = withUnseen(boot, unseen)
  const results = new Map<string, readonly [Figures, Figures]>()
  const path = (inode: number): string => boot.layout.get(inode)?.path ?? `#${inode}`
  const measure = (name: string, order: readonly number[]): void => {
    const after = layoutAfter(both, [placeItems(inOrder(items, order), plan.runs)], trees)
    // Files alone: what the order decides. All: what the boot waits for.
    results.set(name, [
      figures(unseen.reads, after, blockCount),
      figures(
        unseen.reads.filter(({ kind }) => kind === 'data'),
        after,
        blockCount,
      ),
    ])
  }
  const ranges = await createPlan(volume, merged.reads, {
    target: 'here',
    evict: true,
    metadata: true,
    granularity: 'range',
  })
  const parts = bootItems(boot, volume.moves, { metadata: true, granularity: 'range', trees }).items
  results.set('as it was', [
    figures(unseen.reads, both, blockCount),
    figures(
      unseen.reads.filter(({ kind }) => kind === 'data'),
      both,
      blockCount,
    ),
  ])
  for (const [name, ordering] of orderings) measure(name, ordering(boot.files, boots, path))
  const byRange = layoutAfter(both, [placeItems(parts, ranges.plan.runs)], trees)
  results.set('merged, ranges that are read (not whole files)', [
    figures(unseen.reads, byRange, blockCount),
    figures(
      unseen.reads.filter(({ kind }) => kind === 'data'),
      byRange,
      blockCount,
    ),
  ])
  const packed = new Set(boot.files)
  measure('held out', [...new Set([...unseen.files.filter((inode) => packed.has(inode)), ...boot.files])])
  return results
}

/** Layouts of both boots' files, as they are now. */
const withUnseen = (boot: BootSet, unseen: BootSet): BootSet['layout'] => new Map([...unseen.layout, ...boot.layout])

/** The metadata as it comes, then the files' items by the order of the files. */
function inOrder(items: readonly BootItem[], order: readonly number[]): BootItem[] {
  const place = new Map(order.map((inode, i) => [inode, i]))
  const data = items.filter(({ kind }) => kind === 'data')
  return [
    ...items.filter(({ kind }) => kind !== 'data'),
    ...data.sort((a, b) => place.get(a.inode)! - place.get(b.inode)! || a.logical - b.logical),
  ]
}

const words = process.argv.slice(2)
const most = words[0] === '--train' ? Number(words.splice(0, 2)[1]) : Infinity
const [image, ...names] = words
if (image === undefined || names.length < 2) throw new Error('usage: order-by-use.ts image trace trace...')
const volume = await openVolume(image, { write: false }, engines)
const traces: Trace[] = []
for (const name of names) traces.push(await readTrace(name))
const all: Map<string, readonly [Figures, Figures]>[] = []
for (let held = 0; held < traces.length; held++) all.push(await judge(volume, traces, held, most))
await volume.close()

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
console.log(
  table(
    [
      'order (mean of the boots held out)',
      'seeks',
      'distance, M blocks',
      'positioning',
      'files: seeks',
      'distance',
      'positioning',
    ],
    [...all[0]!.keys()].map((name) => [
      name,
      ...[0, 1].flatMap((which) => {
        const of = all.map((results) => results.get(name)![which]!)
        return [
          mean(of.map(({ seeks }) => seeks)).toFixed(0),
          (mean(of.map(({ distance }) => distance)) / 1e6).toFixed(2),
          `${(mean(of.map(({ positioning }) => positioning)) / 1000).toFixed(2)} s`,
        ]
      }),
    ]),
  ),
)
console.log(
  `\nPositioning of all reads, s, for each boot held out (${names.map((name) => name.replace(/.*\//, '')).join(', ')}):`,
)
for (const name of all[0]!.keys())
  console.log(
    `${name.padEnd(46)} ${all.map((results) => (results.get(name)![0].positioning / 1000).toFixed(2).padStart(6)).join(' ')}`,
  )
