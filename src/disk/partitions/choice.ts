/** Which of a disk's partitions is meant. */
import { unsafeCharacters } from '../../text/unsafe-characters.js'
import { usageError } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import { peekExt } from '../containers/peek-ext.js'
import { recogniseContainer } from '../containers/recognise.js'
import type { Partition, PartitionTable } from './partition.js'
import { isExtended } from './mbr.js'
import { PartitionStore } from '../../storage/partition-store.js'
import type { Store } from '../../storage/store.js'

export interface SurveyedPartition extends Partition {
  /** 'ext4', 'swap', 'luks' …, or '' when nothing known is there. */
  readonly holds: string
  /** The filesystem's own label, of the ext family only. */
  readonly label: string
  /** Whether bootpack's image engine is for it. */
  readonly ext: boolean
}

/** Looks into every partition. Only reads. */
export async function surveyPartitions(store: Store, table: PartitionTable): Promise<SurveyedPartition[]> {
  const surveyed: SurveyedPartition[] = []
  for (const partition of table.partitions) {
    const inside = new PartitionStore(
      store,
      partition.start,
      Math.max(0, Math.min(partition.size, store.size - partition.start)),
    )
    const nothing = { ...partition, holds: '', label: '', ext: false }
    if (table.scheme === 'mbr' && isExtended(partition)) {
      surveyed.push({ ...nothing, holds: 'logical partitions' })
      continue
    }
    const outer = await recogniseContainer(inside, 'outer')
    const ext = outer ? undefined : await peekExt(inside)
    const found = outer ?? (ext ? undefined : await recogniseContainer(inside, 'inner'))
    if (found) surveyed.push({ ...nothing, holds: found.code })
    else if (ext) surveyed.push({ ...nothing, holds: ext.kind, label: ext.label, ext: ext.kind !== 'journal' })
    else surveyed.push(nothing)
  }
  return surveyed
}

/**
 * @param wanted the number given by the user, or undefined for the only one with ext4
 * @throws usage with the list to choose from when there is none, or more than one
 */
export function choosePartition(
  partitions: readonly SurveyedPartition[],
  wanted: number | undefined,
  path: string,
): SurveyedPartition {
  const name = shellWord(path)
  if (partitions.length === 0) throw usageError('no-partitions', `The partition table of ${name} is empty.`)
  const list = `The partitions are:\n${partitionList(partitions)}`
  if (wanted !== undefined) {
    const chosen = partitions.find((partition) => partition.number === wanted)
    if (!chosen) throw usageError('no-such-partition', `${name} has no partition ${wanted}.`, list)
    return chosen
  }
  const candidates = partitions.filter((partition) => partition.ext)
  if (candidates.length === 0) throw usageError('no-ext4-partition', `No partition of ${name} holds ext4.`, list)
  if (candidates.length > 1) {
    throw usageError(
      'choose-partition',
      `${candidates.length} partitions of ${name} hold ext4; name one with --partition N.`,
      list,
    )
  }
  return candidates[0]!
}

/** A table for people: number, type, start, size, label and contents of each. */
export function partitionList(partitions: readonly SurveyedPartition[]): string {
  const rows = [
    ['number', 'start', 'size', 'holds', 'label', 'type'],
    ...partitions.map((partition) => [
      String(partition.number),
      String(partition.start),
      readableSize(partition.size),
      partition.holds || '-',
      printable(partition.label || partition.name) || '-',
      partition.typeName ? `${partition.typeName} (${partition.type})` : partition.type,
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, column) => (column < 3 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n')
}

/** Labels come from the disk: nothing in them may reach a terminal as a command. */
const printable = (text: string): string => text.replace(unsafeCharacters, '?')

function readableSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`
}
