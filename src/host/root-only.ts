/**
 * Whether a file is root's alone to change: it, and every folder on the way to it. What
 * runs as root while nobody looks must not be somebody else's to write.
 */
import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

const sticky = 0o1000

/**
 * @param known folders that were found to be root's alone, to which more are added
 * @returns the first path on the way, or the file itself, that others can change;
 *   undefined when there is none
 */
export function changeableByOthers(path: string, known = new Set<string>()): string | undefined {
  const folder = dirname(path)
  if (folder !== path) {
    const above = changeableByOthers(folder, known)
    if (above !== undefined) return above
  }
  if (known.has(path)) return undefined
  const stats = lstatSync(path)
  if (stats.isSymbolicLink()) {
    // A link's own mode means nothing; who may replace it, its folder decides.
    const behind = changeableByOthers(resolve(folder, readlinkSync(path)), known)
    if (behind !== undefined) return behind
  } else if (stats.uid !== 0 || ((stats.mode & 0o022) !== 0 && !(stats.isDirectory() && (stats.mode & sticky) !== 0)))
    return path
  // In a sticky folder others cannot replace what is root's, but what is new may be anybody's: only this path is known.
  known.add(path)
  return undefined
}
