/**
 * Names that an upgrade changed, guessed: a profile of the last image says
 * `libfoo.so.1.2`, the next one has `libfoo.so.1.3`.
 *
 * Names are compared by their stem: every number in them, with the dots and dashes inside
 * it, stands for any other. A name that is gone becomes the one name of its folder that has
 * the same stem and is not in the profile itself; where there are several, the one with the
 * same first number (a library's soname), else none. A name whose folder is gone is
 * looked for by its own stem in all folders, and taken only when there is one. What is
 * guessed is never more than a guess: whoever has the package's lists knows better, and
 * gives a table.
 */

export type RenameReason =
  /** Another version in the same folder. */
  | 'version'
  /** The same, and its first number is another: not the same soname. */
  | 'soname'
  /** The same name, or another version of it, in another folder. */
  | 'folder'
  /** Somebody's table says so. */
  | 'table'

export interface Rename {
  readonly from: string
  readonly to: string
  readonly reason: RenameReason
}

const number = /\d+(?:[.-]\d+)*/g

/** A name with every number standing for any. */
export const stemOf = (path: string): string => path.replace(number, '#')

const firstNumber = (name: string): string | undefined => /\.so\.(\d+)/.exec(name)?.[1] ?? /\d+/.exec(name)?.[0]

const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/**
 * @param gone names of the profile that are not there
 * @param there all names there are
 * @param taken names of the profile that are there: nothing is renamed to them
 */
export function guessRenames(
  gone: Iterable<string>,
  there: Iterable<string>,
  taken: ReadonlySet<string>,
): { readonly renames: readonly Rename[]; readonly left: readonly string[] } {
  const byStem = new Map<string, string[]>()
  const byBase = new Map<string, string[]>()
  for (const path of there) {
    if (taken.has(path)) continue
    add(byStem, stemOf(path), path)
    add(byBase, stemOf(baseOf(path)), path)
  }
  const renames: Rename[] = []
  const left: string[] = []
  const used = new Set<string>()
  for (const from of gone) {
    const rename = candidate(from, byStem.get(stemOf(from)) ?? [], byBase.get(stemOf(baseOf(from))) ?? [], used)
    if (rename) {
      used.add(rename.to)
      renames.push(rename)
    } else left.push(from)
  }
  return { renames, left }
}

function candidate(
  from: string,
  sameStem: readonly string[],
  sameBase: readonly string[],
  used: ReadonlySet<string>,
): Rename | undefined {
  const first = firstNumber(baseOf(from))
  const free = sameStem.filter((path) => !used.has(path))
  const same = free.filter((path) => firstNumber(baseOf(path)) === first)
  const [only] = same.length > 0 ? same : free
  if (only !== undefined && (same.length || free.length) === 1)
    return { from, to: only, reason: same.length > 0 ? 'version' : 'soname' }
  if (free.length > 0) return undefined
  // A name such as `index` is in every folder; one that is moved is told by being the only one.
  const elsewhere = sameBase.filter((path) => !used.has(path))
  return elsewhere.length === 1 ? { from, to: elsewhere[0]!, reason: 'folder' } : undefined
}

function add(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
