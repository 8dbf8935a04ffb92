import type { DiffFile, TraceDiff } from '../trace/merge/diff.js'
import { escapePath } from '../text/escape-path.js'
import { bytes, count } from '../text/units.js'

/** What two traces share and what they do not, with the first few files of each kind. */
export function traceDiffText(diff: TraceDiff, top: number): string {
  const { onlyFirst, onlySecond, common, partsCompared, changed, moved, orderAgreement } = diff
  return [
    `in both          ${count(common)} files, ${(orderAgreement * 100).toFixed(1)} % of their pairs in the same order`,
    partsCompared
      ? `changed          ${count(changed.length)} read in other parts`
      : 'changed          unknown: one of them names files, not the parts that are read',
    ...changed.slice(0, top).map((file) => `  ${nameOf(file)}: ${changeOf(file)}`),
    `moved            ${count(moved.length)} at another place in the order`,
    ...moved.slice(0, top).map((file) => `  ${nameOf(file)}: ${count(file.from + 1)} -> ${count(file.to + 1)}`),
    ...onlyLines('only the first ', onlyFirst, top),
    ...onlyLines('only the second', onlySecond, top),
  ].join('\n')
}

const onlyLines = (title: string, files: readonly DiffFile[], top: number): string[] => [
  `${title}  ${count(files.length)} files`,
  ...files.slice(0, top).map((file) => `  ${nameOf(file)}: ${file.toEnd ? 'to its end' : bytes(file.bytes)}`),
]

/** What only one of them reads of a file; a side that reads nothing alone is not named. */
const changeOf = ({ first, second }: TraceDiff['changed'][number]): string =>
  [
    { part: first, side: 'first' },
    { part: second, side: 'second' },
  ]
    .filter(({ part }) => part.toEnd || part.bytes > 0)
    .map(({ part, side }) => `${partOf(part)} only in the ${side}`)
    .join(', ')

const partOf = ({ bytes: known, toEnd }: { readonly bytes: number; readonly toEnd: boolean }): string =>
  toEnd ? (known > 0 ? `${bytes(known)} and on to the end` : 'all to the end') : bytes(known)

const nameOf = (file: { readonly path?: string; readonly ino?: number; readonly device?: true }): string =>
  file.path !== undefined ? escapePath(file.path) : file.device ? 'blocks of the device' : `inode ${file.ino}`
