/** What the preload commands say to people. */
import type { SweepCost } from '../../preload/cost.js'
import { deviceUnit, type LeftOut, type Sweep } from '../../preload/prefetch-plan.js'
import type { PreloadList } from '../../preload/list-text.js'
import type { ListState } from '../../provision/list-freshness.js'
import { counted } from '../../text/table.js'
import { bytes, count, seconds } from '../../text/units.js'
import { escapePath } from '../../text/escape-path.js'

export interface SweepSummary {
  readonly ranges: number
  readonly rangeBytes: number
  readonly wanted: Sweep['wanted']
  readonly files: number
  /** Files of which only parts are read. */
  readonly partial: number
  readonly fileBytes: number
  readonly bytes: number
  readonly leftOut: readonly LeftOut[]
  readonly cost: SweepCost
}

export function summarise(sweep: Sweep, cost: SweepCost): SweepSummary {
  const rangeBytes = sweep.metadata.reduce((sum, { length }) => sum + length, 0) * sweep.blockSize
  return {
    ranges: sweep.metadata.length,
    rangeBytes,
    wanted: sweep.wanted,
    files: sweep.files.length,
    partial: sweep.files.filter(({ parts }) => parts).length,
    fileBytes: sweep.bytes - rangeBytes,
    bytes: sweep.bytes,
    leftOut: sweep.leftOut,
    cost,
  }
}

const kindNames: Readonly<Record<keyof Sweep['wanted'], string>> = {
  'inode-table': 'inode tables',
  directory: 'directories',
  tree: 'extent trees',
  xattr: 'attributes',
  symlink: 'symbolic links',
  bitmap: 'bitmaps',
  probe: 'others',
}

export function sweepText({
  ranges,
  rangeBytes,
  wanted,
  files,
  partial,
  fileBytes,
  leftOut,
  cost,
}: SweepSummary): string {
  const kinds = (Object.keys(wanted) as (keyof Sweep['wanted'])[])
    .filter((kind) => wanted[kind] > 0)
    .map((kind) => `${kindNames[kind]} ${count(wanted[kind])}`)
  const lines = [
    `metadata  ${bytes(rangeBytes)} in ${counted(ranges, 'range')} of the device (blocks wanted: ${kinds.join(', ')})`,
    `files     ${bytes(fileBytes)} of ${counted(files, 'file')}${partial > 0 ? `, ${count(partial)} of them in part` : ''}`,
    `time      on ${cost.model} (model): sweep ${seconds(cost.sweepMs)} and ${seconds(cost.restMs)} for what it leaves; ${seconds(cost.withoutMs)} without`,
  ]
  if (cost.sweepMs + cost.restMs > cost.withoutMs) {
    lines.push(
      '          (The sweep reads inode tables too. The figure without it has them only where the',
      '          trace tells of them: a list of paths does not, a recording of the kernel does.)',
    )
  }
  const beyond = leftOut.filter(({ reason }) => reason === 'bound')
  if (beyond.length > 0) {
    lines.push(
      `left out  ${counted(beyond.length, 'file')}, ${bytes(beyond.reduce((sum, file) => sum + file.bytes, 0))}, beyond --most-bytes`,
    )
  }
  return lines.join('\n')
}

export const listSummary = ({ ranges, files }: PreloadList): string =>
  `${bytes(ranges.reduce((sum, range) => sum + range.count, 0) * deviceUnit)} of metadata in ${counted(ranges.length, 'range')}, ${bytes(
    files.reduce((sum, file) => sum + file.kib, 0) * 1024,
  )} of ${counted(new Set(files.map(({ path }) => path)).size, 'file')}`

export function stateText({ files, gone, moved, sameFilesystem, sameMetadata, stale }: ListState): string {
  if (!sameFilesystem) return 'stale     it is for another filesystem: nothing of it is read at boot'
  if (!stale)
    return `true      ${counted(files, 'file')} lie where it says${sameMetadata === undefined ? '; whether the metadata does, a trace would tell' : ''}`
  const parts = [
    ...(gone.length > 0 ? [`${counted(gone.length, 'file')} of ${count(files)} gone (${shown(gone)})`] : []),
    ...(moved.length > 0 ? [`${counted(moved.length, 'file')} of ${count(files)} moved (${shown(moved)})`] : []),
    ...(sameMetadata === false ? ['other metadata would be read'] : []),
    ...(gone.length === 0 && moved.length === 0 && sameMetadata !== false ? ['other files would be read'] : []),
  ]
  return `stale     ${parts.join('; ')}. It does no harm; install it again for the full gain.`
}

const shown = (paths: readonly string[]): string =>
  `${paths.slice(0, 3).map(escapePath).join(', ')}${paths.length > 3 ? ', …' : ''}`
