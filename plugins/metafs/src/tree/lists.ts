/** The lists of the tree: free space and the extents of a file, a line for each run. */
import { freeRunsFrom, type BlockSpace, type SpaceFile } from 'bootpack/ext4'
import type { Line } from '../files/list-file.js'

/** "START LENGTH": free blocks at or behind `from`. */
export async function* freeLines(space: BlockSpace, from: number): AsyncGenerator<Line, void, undefined> {
  for await (const { start, length } of freeRunsFrom(space, from, space.geometry().blockCount)) {
    yield { text: `${start} ${length}\n`, next: start + length }
  }
}

export async function firstFree(space: BlockSpace, from: number): Promise<number | undefined> {
  for await (const { start } of freeRunsFrom(space, from, space.geometry().blockCount)) return start
  return undefined
}

/**
 * "LOGICAL LENGTH PHYSICAL", with "hole" in place of PHYSICAL where nothing is
 * allocated, and "unwritten" behind it where nothing was written. Ends with the last
 * block of the file, or the last allocated one if that is behind it.
 */
export async function* extentLines(file: SpaceFile, from: number): AsyncGenerator<Line, void, undefined> {
  const blocks = Math.ceil((await file.size()) / file.space.geometry().blockSize)
  let at = from
  const hole = function* (until: number): Generator<Line, void, undefined> {
    if (until > at) yield { text: `${at} ${until - at} hole\n`, next: until }
    at = Math.max(at, until)
  }
  for (const { logical, physical, length, unwritten } of await file.extents()) {
    if (logical + length <= from) continue
    yield* hole(logical)
    const end = logical + length
    yield { text: `${at} ${end - at} ${physical + (at - logical)}${unwritten ? ' unwritten' : ''}\n`, next: end }
    at = end
  }
  yield* hole(blocks)
}

/** The first allocated block of the file at or behind `from`. */
export async function firstAllocated(file: SpaceFile, from: number): Promise<number | undefined> {
  const found = (await file.extents()).find(({ logical, length }) => logical + length > from)
  return found && Math.max(found.logical, from)
}
