/**
 * Whether a file is root's alone to change: it, and every folder on the way to it. What
 * runs as root while nobody looks must not be somebody else's to write.
 */
import {
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  type Dirent,
  type Stats,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { refused } from '../errors.js'
import { shellWord } from '../text/shell-word.js'

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
  } else if (isOthers(stats)) return path
  // In a sticky folder others cannot replace what is root's, but what is new may be anybody's: only this path is known.
  known.add(path)
  return undefined
}

/**
 * @param owners who may own it, besides root: of a system that is being built, whoever builds it
 * @returns whether others than root may write to it, or give themselves the right to
 */
export const isOthers = (stats: Pick<Stats, 'uid' | 'mode' | 'isDirectory'>, owners: readonly number[] = []): boolean =>
  (stats.uid !== 0 && !owners.includes(stats.uid)) ||
  ((stats.mode & 0o022) !== 0 && !(stats.isDirectory() && (stats.mode & sticky) !== 0))

export const notRootOnly = (path: string, when: string, next: string): Error =>
  refused('not-root-only', `${shellWord(path)} can be changed by others than root, and ${when}.`, next)

/** In the folder of a checkout, what no command is run from. */
const notRun: ReadonlySet<string> = new Set(['.git', 'src', 'test', 'docs', 'scripts', 'sample-trees'])

/**
 * Words of a command line that starts a program on this machine: each that names a file
 * and, of a package of Node, everything that is loaded with it.
 * @returns the first path that others than root can change
 */
export function programChangeableByOthers(words: readonly string[]): string | undefined {
  const known = new Set<string>()
  for (const word of words) {
    if (!word.startsWith('/') || !existsSync(word)) continue
    const found = changeableByOthers(word, known) ?? treeChangeableByOthers(packageOf(realpathSync(word)), known)
    if (found !== undefined) return found
  }
  return undefined
}

/** The same of a package of Node in a folder, the way to it and all it may load. */
export function packageChangeableByOthers(folder: string): string | undefined {
  const known = new Set<string>()
  return changeableByOthers(folder, known) ?? below(folder, false, known, new Set([realpathSync(folder)]))
}

/** The folders whose files a script may load: its package, and where npm put what that depends on. */
function packageOf(script: string): string[] {
  const home = dirname(dirname(script))
  if (!/\.[cm]?js$/.test(script) || !existsSync(join(home, 'package.json'))) return []
  const beside = /^.*?\/node_modules(?=\/)/.exec(home)?.[0]
  return beside === undefined ? [home] : [beside]
}

function treeChangeableByOthers(folders: readonly string[], known: Set<string>): string | undefined {
  for (const folder of folders) {
    const found = changeableByOthers(folder, known) ?? below(folder, true, known)
    if (found !== undefined) return found
  }
  return undefined
}

/** @param entered folders that links led to, where links are to be followed */
function below(folder: string, top: boolean, known: Set<string>, entered?: Set<string>): string | undefined {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (top && notRun.has(entry.name)) continue
    const path = join(folder, entry.name)
    // What a dangling link would lead to cannot be loaded.
    if (entry.isSymbolicLink() && !existsSync(path)) continue
    const found =
      changeableByOthers(path, known) ??
      (isEntered(entry, path, entered) ? below(path, false, known, entered) : undefined)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether what a folder holds is a folder that has to be looked through, and is so for the first time. */
function isEntered(entry: Dirent, path: string, entered?: Set<string>): boolean {
  if (entry.isDirectory()) return true
  if (!entered || !entry.isSymbolicLink() || !statSync(path).isDirectory()) return false
  const real = realpathSync(path)
  if (entered.has(real)) return false
  entered.add(real)
  return true
}
