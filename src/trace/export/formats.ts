/** What `trace export --to` writes. Each format is said in a line, with whose it is; docs/cloud.md has a recipe for each. */

import type { OutputKind } from '../../files/output-kind.js'

/** Files in the order of their first read. */
export const listFormats = [
  'list',
  'e4rat',
  'squashfs-sort',
  'nydus',
  'nydus-optimize',
  'overlaybd',
  'estargz',
  'soci',
  'tar-order',
] as const

/** Parts of the device, in the order in which they are read. */
export const rangeFormats = ['ranges', 'ranges-json', 'fio-iolog'] as const

export const exportFormats = ['native', ...listFormats, ...rangeFormats] as const

export type ListFormat = (typeof listFormats)[number]
export type RangeFormat = (typeof rangeFormats)[number]
export type ExportFormat = (typeof exportFormats)[number]

export const isRangeFormat = (format: ExportFormat): format is RangeFormat =>
  rangeFormats.some((each) => each === format)

/** What a file of a format is for those who would replace it: some lists look alike. */
export const outputKindOf = (format: ExportFormat): OutputKind =>
  format === 'native' ? 'trace' : format === 'nydus' || format === 'overlaybd' ? 'list' : format

export interface Exported {
  /** Lines, files or ranges; reads for the native format. */
  readonly written: number
  /** What was left out, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}
