/** How fragmented a file is, counted and judged as mainline e4defrag does. */
import { fiemap, type MappedExtent } from '../kernel/fiemap.js'

export interface Fragments {
  /** As the kernel lists them, by logical position; in bytes. */
  readonly extents: readonly MappedExtent[]
  /** Extents that do not continue the one before, in the file and on the disk; the first one counts. */
  readonly runs: number
  readonly blocks: number
}

/** @throws KernelError where the filesystem maps nothing */
export function fragmentsOf(fd: number, blockSize: number): Fragments {
  const extents = fiemap(fd)
  return { extents, runs: countRuns(extents), blocks: extents.reduce((sum, { length }) => sum + length / blockSize, 0) }
}

function countRuns(extents: readonly MappedExtent[]): number {
  const sorted = [...extents].sort((a, b) => a.physical - b.physical)
  let runs = 0
  for (const [i, extent] of sorted.entries()) {
    const next = sorted[(i + 1) % sorted.length]!
    if (extent.physical + extent.length !== next.physical || extent.logical + extent.length !== next.logical) runs++
  }
  return runs
}

/** What of the superblock decides how few extents are possible; zeros where it may not be read. */
export interface GroupSizes {
  readonly blocksPerGroup: number
  readonly groupsPerFlex: number
}

/** The fewest extents a file of so many blocks can have. */
export const bestCount = (blocks: number, { blocksPerGroup, groupsPerFlex }: GroupSizes): number =>
  blocksPerGroup === 0 ? 1 : Math.floor((blocks - 1) / (blocksPerGroup * groupsPerFlex)) + 1

/** Avoidable extents for each hundred blocks, in single precision as in C. */
export const fragmentRatio = (extents: number, best: number, blocks: number): number =>
  Math.fround(Math.fround(Math.fround(extents - best) * 100) / blocks)

/** 0-30: no problem, 31-55: a little, 56 and more: defragment. */
export const fragmentScore = (ratio: number): number =>
  Math.fround(ratio > 10 ? Math.fround(80 + Math.fround(Math.fround(20 * ratio) / 100)) : Math.fround(8 * ratio))

/** The score from which on a defragmentation is advised. */
export const boundScore = 55

/** printf's %.0f: halves go to the even neighbour. */
export function rounded(value: number): string {
  const floor = Math.floor(value)
  const half = value - floor
  return String(half < 0.5 || (half === 0.5 && floor % 2 === 0) ? floor : floor + 1)
}

/** Parts of a file that are mapped without a hole between them; in bytes. */
export function logicalRuns(extents: readonly MappedExtent[]): { readonly from: number; readonly length: number }[] {
  const runs: { from: number; length: number }[] = []
  for (const { logical, length } of extents) {
    const last = runs.at(-1)
    if (last && last.from + last.length === logical) last.length += length
    else runs.push({ from: logical, length })
  }
  return runs
}
