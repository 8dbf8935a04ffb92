/**
 * -r, as proposed in 2007: the regular files below a directory lie one behind the
 * other, from the directory's first block on, so that reading them all is one run.
 * Their order is that of the walk, or of a trace; -f lets others be moved out of
 * the way. The planner decides and the live engine carries out; here is only the
 * list of files, and the lines.
 */
import { BootpackError } from '../errors.js'
import { closeSync } from 'node:fs'
import { openHeld, type HeldFile } from '../host/walk.js'
import type { FsBlock } from '../layout/block.js'
import type { Extent } from '../layout/extent.js'
import { gapCauses } from '../layout/gap-cause.js'
import { stayReasons, type StayReason } from '../layout/reason.js'
import type { BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'
import { LiveVolume } from '../mounted/engine/volume.js'
import { findMounted } from '../mounted/engine/filesystem.js'
import { packVolume, type PackResult } from '../pack/pack-volume.js'
import type { Plan } from '../plan/plan.js'
import { readTrace } from '../trace/read-trace.js'
import type { Volume } from '../volume/volume.js'
import { fromUtf8, toBytes } from './bytes-text.js'
import { fragmentsOf } from './fragments.js'
import { isLostAndFound, lineStart, place, printTotals, type Run } from './run-state.js'
import { visitTree } from './tree-walk.js'

interface Wanted {
  /** To be shown. */
  readonly name: string
  readonly inode: number
  /** Extents before. */
  readonly before: number
}

interface Moved extends Wanted {
  /** Extents now. */
  readonly after: number
}

export interface RelocateFlags {
  readonly force: boolean
  readonly trace: string | undefined
}

/** @returns whether any file lies in the run afterwards */
export async function relocateDirectory(run: Run, flags: RelocateFlags): Promise<boolean> {
  const { console, target, isRoot } = run
  const refuse = (why: string): false => {
    console.error(`${why}\n "${target.given}"\n`)
    return false
  }
  if (target.kind === 'file') return refuse('-r takes directories')
  if (!isRoot) return refuse('-r needs root')
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  let volume: LiveVolume | undefined
  try {
    volume = await LiveVolume.open(
      findMounted({ given: target.given, path: toBytes(target.mountPoint).toString(), kind: 'directory' })!,
      true,
    )
    return await relocate(run, flags, volume, stop.signal)
  } catch (error) {
    if (!(error instanceof BootpackError)) throw error
    return refuse(fromUtf8(error.next === undefined ? error.message : `${error.message} ${error.next}`))
  } finally {
    await volume?.close()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}

async function relocate(
  run: Run,
  { force, trace }: RelocateFlags,
  volume: LiveVolume,
  signal: AbortSignal,
): Promise<boolean> {
  const { console, target, counts, verbose } = run
  console.out(`ext4 relocation for ${target.kind}(${target.given})\n`)
  const files = await inTraceOrder(regularFiles(run), trace, volume)
  if (files.length === 0) {
    console.out(' No file to move.\n')
    return false
  }
  const { inode: top } = target.status
  const directory = (await volume.paths([top])).get(top) ?? '/'
  const result = await packVolume(
    volume,
    files.map(({ inode }) => ({ ino: inode, off: 0, kind: 'data' as const })),
    {
      target: target.given,
      directory,
      evict: force,
      metadata: false,
      granularity: 'file',
      force: false,
      dryRun: false,
      signal,
      // Some of them may be gone by now, and that is no reason to leave the others.
      fit: { anyTrace: true },
      onPlan: async (plan) => {
        tellPlan(plan, run)
        return Promise.resolve()
      },
      ...(process.stdout.isTTY
        ? {
            onProgress: (done: number, total: number) => {
              console.out(`${lineStart} ${String(Math.floor((done * 100) / Math.max(1, total))).padStart(3)}%`)
              console.flush()
            },
          }
        : {}),
    },
  )
  if (!result.worthwhile) tellPlan(result.plan, run)
  const perfect = !result.worthwhile && result.plan.measure.before.seeks === 0
  if (!result.worthwhile)
    console.out(
      perfect
        ? ' Nothing to do: they lie behind each other.\n'
        : ' Nothing to gain: no place found would be read faster.\n',
    )
  const runs = RunSet.of(result.plan.runs)
  const reasons = reasonsOf(result)
  counts.total = counts.regular = files.length
  const pieces = countPieces(run, files)
  for (const file of files) {
    const extents = await extentsOf(volume, file.inode)
    const good = perfect || lieIn(extents, runs)
    report(run, { ...file, after: pieces.get(file.inode) ?? 0 }, good, reasons.get(file.inode) ?? 'pending')
  }
  printTotals(run)
  const after = result.after ?? result.plan.measure.before
  console.out(
    ` Breaks in this order:\t\t\t${result.plan.measure.before.seeks}->${after.seeks}\n` +
      ` Seek distance in blocks:\t\t${result.plan.measure.before.seekDistanceBlocks}->${after.seekDistanceBlocks}\n`,
  )
  for (const { start, length, causes } of result.plan.gaps)
    if (verbose)
      console.out(` Gap: ${length} blocks from ${start}: ${causes.map((cause) => gapCauses[cause]).join(', ')}\n`)
  if (!force && result.plan.withEviction) {
    console.out(
      ` With -f it would be ${result.plan.withEviction.predicted.seeks} breaks, at ${result.plan.withEviction.cost.evictedBlocks} blocks of others moved.\n`,
    )
  }
  return counts.succeeded > 0
}

function tellPlan({ goal, runs }: Pick<Plan, 'goal' | 'runs'>, { console, verbose }: Run): void {
  console.out(` Goal: block ${goal.block}\n`)
  if (verbose) for (const { start, length } of runs) console.out(` Run: ${length} blocks from ${start}\n`)
  console.flush()
}

/** Files with blocks, in the order of the walk; links to one file count once. */
function regularFiles(run: Run): Wanted[] {
  const files = new Map<number, Wanted>()
  visitTree(run.target, ({ path, name, file }) => {
    const { inode } = file
    if (file.type !== 'regular' || file.sectors === 0 || isLostAndFound(run, path) || files.has(inode)) return
    files.set(inode, { name, inode, before: countExtents(file, run.target.blockSize) })
  })
  return [...files.values()]
}

function countExtents(file: HeldFile, blockSize: number): number {
  try {
    const fd = openHeld(file)
    try {
      return fragmentsOf(fd, blockSize).extents.length
    } finally {
      closeSync(fd)
    }
  } catch {
    // Encrypted, or gone meanwhile: the plan will say so.
    return 0
  }
}

/** By inode, of those that are still there. */
function countPieces({ target }: Run, files: readonly Wanted[]): Map<number, number> {
  const waiting = new Set(files.map(({ inode }) => inode))
  const pieces = new Map<number, number>()
  visitTree(target, ({ file }) => {
    if (waiting.delete(file.inode)) pieces.set(file.inode, countExtents(file, target.blockSize))
  })
  return pieces
}

/** What the trace read first comes first; what it did not read follows in the order of the walk. */
async function inTraceOrder(files: readonly Wanted[], trace: string | undefined, volume: Volume): Promise<Wanted[]> {
  if (trace === undefined) return [...files]
  const waiting = new Map(files.map((file) => [file.inode, file]))
  const ordered: Wanted[] = []
  for (const { path, ino } of (await readTrace(trace)).reads) {
    const inode = path === undefined ? ino : ((await volume.lookup(path))?.file.inode ?? ino)
    const file = inode === undefined ? undefined : waiting.get(inode)
    if (!file) continue
    waiting.delete(file.inode)
    ordered.push(file)
  }
  return [...ordered, ...waiting.values()]
}

async function extentsOf(volume: Volume, inode: number): Promise<readonly Extent[]> {
  const file = await volume.byInode(inode)
  return file ? await volume.extents(file) : []
}

const lieIn = (extents: readonly Extent[], runs: RunSet): boolean =>
  extents.length > 0 &&
  extents.every(({ physical, length }) =>
    runs.contains({ start: physical, length } satisfies BlockRun & { start: FsBlock }),
  )

/** Why files do not lie where they should. */
function reasonsOf({ plan, applied, worthwhile }: PackResult): Map<number, StayReason> {
  const reasons = new Map<number, StayReason>()
  for (const { inode, reason } of plan.skipped) if (inode !== undefined) reasons.set(inode, reason)
  for (const { inode, reason } of applied?.unmoved ?? []) reasons.set(inode, reason)
  if (!worthwhile) for (const { inode } of plan.rounds.flat()) reasons.set(inode, 'no-gain')
  return reasons
}

function report(run: Run, { name, inode, before, after }: Moved, good: boolean, reason: StayReason): void {
  const { console, counts, verbose } = run
  counts.meet()
  counts.extentsBefore += before
  counts.extentsAfter += after
  if (before !== 1) counts.fragmentedBefore++
  if (after !== 1) counts.fragmentedAfter++
  console.out(`${lineStart}${place(counts)}${name}:\t100%`)
  if (verbose) console.out(`  extents: ${before} -> ${after}`)
  console.out(good ? '\t[ OK ]\n' : '\t[ NG ]\n')
  if (good) counts.succeeded++
  else if (verbose) console.error(`\tinode ${inode}: ${stayReasons[reason].says}\n`)
}
