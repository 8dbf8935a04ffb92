import { escapePath } from '../text/escape-path.js'
import { count } from '../text/units.js'

/** As the pack room has them. */
interface Contents {
  readonly files: number
  readonly same: number
  readonly different: readonly {
    readonly inode: number
    readonly path?: string
    readonly change: 'changed' | 'written' | 'gone' | 'unread'
  }[]
}

interface Owners {
  readonly blocks: number
  readonly free: number
  readonly owned: number
  readonly unowned: number
  readonly faults: readonly { readonly start: number; readonly length: number; readonly problem: string }[]
}

const mostLines = 20

const words = {
  changed: 'holds something else, though nobody wrote to it',
  written: 'was written to since',
  gone: 'is gone',
  unread: 'cannot be read here; look again unmounted',
} as const

export function contentsReport({ files, same, different }: Contents): string {
  return [
    `${count(same)} of ${count(files)} files that the plan moves hold what they held before.`,
    ...upTo(
      different.map(
        ({ path, inode, change }) => `  ${path === undefined ? `inode ${inode}` : escapePath(path)} ${words[change]}`,
      ),
    ),
  ].join('\n')
}

export function deepReport(result: { readonly contents?: Contents; readonly owners: Owners }): string {
  const { contents, owners } = result
  return [
    contents === undefined
      ? 'Contents were not compared: pack --check -o PLAN records them.'
      : contentsReport(contents),
    owners.faults.length === 0
      ? `Of ${count(owners.blocks)} blocks ${count(owners.free)} are free and ${count(owners.owned)} have one owner each${owners.unowned === 0 ? '' : `; ${count(owners.unowned)} are held by nobody who can be seen`}.`
      : 'The bitmaps and the owners of the blocks contradict each other:',
    ...upTo(
      owners.faults.map(
        ({ start, length, problem }) =>
          `  block ${start}${length === 1 ? '' : ` and the ${count(length - 1)} behind it`}: ${escapePath(problem)}`,
      ),
    ),
    ...(owners.faults.length === 0 ? [] : ['Check the filesystem with e2fsck -f.']),
  ].join('\n')
}

const upTo = (lines: readonly string[]): string[] =>
  lines.length > mostLines
    ? [...lines.slice(0, mostLines), `  and ${count(lines.length - mostLines)} more (--json lists all)`]
    : [...lines]
