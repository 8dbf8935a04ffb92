/** A trace of one image brought to the names of another: which of its files are there, and what the others are called now. */
import type { Trace } from '../../trace/model/trace.js'
import { guessRenames, type Rename } from '../../trace/renames/guess.js'
import type { Volume } from '../../volume/volume.js'

export interface RenamesOnto {
  /** Files of the trace that are there under their own names. */
  readonly there: number
  readonly renames: readonly Rename[]
  readonly left: readonly string[]
}

/**
 * @param known renames that need no guess; those to a name that is not there are not made
 */
export async function renameOnto(trace: Trace, volume: Volume, known: readonly Rename[]): Promise<RenamesOnto> {
  const names = new Set(trace.reads.flatMap(({ path }) => (path === undefined ? [] : [path])))
  const taken = new Set<string>()
  const gone: string[] = []
  for (const path of names) {
    if (await volume.lookup(path)) taken.add(path)
    else gone.push(path)
  }
  const told = new Map(known.map((rename) => [rename.from, rename]))
  const sure: Rename[] = []
  const unknown: string[] = []
  for (const path of gone) {
    const rename = told.get(path)
    if (rename && (await volume.lookup(rename.to))) sure.push(rename)
    else unknown.push(path)
  }
  for (const { to } of sure) taken.add(to)
  // Without inode tables nobody knows which numbers there are.
  const inodeCount = volume.capabilities.inodeTables?.shape.inodeCount ?? 0
  const all =
    unknown.length === 0
      ? new Map<number, string>()
      : await volume.paths(Array.from({ length: inodeCount }, (_, i) => i + 1))
  const { renames, left } = guessRenames(unknown, all.values(), taken)
  return { there: names.size - gone.length, renames: [...sure, ...renames], left }
}
