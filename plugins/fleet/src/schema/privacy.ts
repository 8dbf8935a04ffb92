/**
 * What of a boot is not told to a fleet: names below folders that are people's own. A read
 * that names such a file by its number alone goes with it.
 */
import type { Trace } from 'bootpack'

/** Left out unless somebody asks for them. */
export const privateFolders: readonly string[] = ['/home', '/var']

/** @returns the trace without reads of what is at or below `folders`, and how many those were */
export function withoutPrivate(
  trace: Trace,
  folders: readonly string[],
): { readonly trace: Trace; readonly left: number } {
  const below = folders.map((folder) => folder.replace(/\/+$/, ''))
  const isPrivate = (path: string): boolean =>
    below.some((folder) => path === folder || (folder === '' ? true : path.startsWith(`${folder}/`)))
  const numbers = new Set<number>()
  for (const { path, ino } of trace.reads)
    if (path !== undefined && ino !== undefined && isPrivate(path)) numbers.add(ino)
  const reads = trace.reads.filter(({ path, ino }) =>
    path === undefined ? ino === undefined || !numbers.has(ino) : !isPrivate(path),
  )
  return { trace: { ...trace, reads }, left: trace.reads.length - reads.length }
}
