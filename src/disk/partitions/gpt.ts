/**
 * The GUID partition table (UEFI specification, chapter 5).
 *
 * Sector 0 holds an MBR with a partition of type 0xEE, which protects the disk from
 * old tools. Sector 1 holds the header, a copy of it stands in the disk's last
 * sector. A header is trusted when its own CRC32 holds, it names the sector it
 * stands in, and the CRC32 of the entries it points at holds. The first that can be
 * trusted is used; the entries of both describe the same partitions.
 */
import { crc32 } from '../../bytes/crc32.js'
import { corrupt } from '../../errors.js'
import { sectorSizes, type Partition, type PartitionTable } from './partition.js'
import { asciiAt, readBytes, u64, view } from './bytes.js'
import { looksPartitioned, protectiveType, readSlots } from './mbr.js'
import { gptTypeName } from './types.js'
import type { Store } from '../../storage/store.js'

/** The specification asks for 16 KiB; more than this is a lying count. */
const mostEntryBytes = 4 << 20
const unused = '00000000-0000-0000-0000-000000000000'

/**
 * @param only the disk's sector size where it is known; images are tried with each
 * @returns undefined when the disk is not protected as one with a GPT
 * @throws corrupt when it is, and neither header can be trusted
 */
export async function readGpt(store: Store, only?: number): Promise<PartitionTable | undefined> {
  if (store.size < 512) return undefined
  const slots = readSlots(await readBytes(store, 0, 512))
  if (!slots || !looksPartitioned(slots) || !slots.some((slot) => slot.type === protectiveType)) return undefined
  const problems: string[] = []
  for (const sectorSize of only === undefined ? sectorSizes : [only]) {
    const last = Math.floor(store.size / sectorSize) - 1
    const first = await readHeader(store, sectorSize, 1)
    if (typeof first !== 'string') return { scheme: 'gpt', sectorSize, ...first }
    const backup = await readHeader(store, sectorSize, last)
    if (typeof backup !== 'string') {
      const warning = `The first copy of the partition table cannot be used (${first}), the backup at the end of the disk was; gdisk can repair it.`
      return { scheme: 'gpt', sectorSize, partitions: backup.partitions, warnings: [warning, ...backup.warnings] }
    }
    problems.push(`${first}; of the backup: ${backup}`)
  }
  // With a wrong sector size there simply is no header; the other finding says more.
  const telling =
    problems.find((problem) => !problem.includes(noHeader)) ??
    problems.find((problem) => !problem.startsWith(noHeader)) ??
    problems[0]!
  throw corrupt(
    'GPT header',
    1,
    telling,
    'Repair the partition table with gdisk, or give the filesystem alone, cut out of the image.',
  )
}

const noHeader = 'there is no header'

/** The partitions a header leads to, or why it cannot be trusted. */
async function readHeader(
  store: Store,
  sectorSize: number,
  sector: number,
): Promise<{ partitions: Partition[]; warnings: string[] } | string> {
  if (sector < 1 || (sector + 1) * sectorSize > store.size) return noHeader
  const header = await readBytes(store, sector * sectorSize, sectorSize)
  const fields = view(header)
  if (asciiAt(header, 0, 8) !== 'EFI PART') return noHeader
  const headerSize = fields.getUint32(12, true)
  if (headerSize < 92 || headerSize > sectorSize) return `the header says it has ${headerSize} bytes`
  const blanked = header.slice(0, headerSize)
  blanked.fill(0, 16, 20)
  if (crc32(blanked) !== fields.getUint32(16, true)) return 'the checksum of the header is wrong'
  if (u64(fields, 24) !== sector) return `the header in sector ${sector} says it stands elsewhere`
  const entriesAt = u64(fields, 72)
  const count = fields.getUint32(80, true)
  const entrySize = fields.getUint32(84, true)
  if (entrySize < 128 || entrySize % 8 !== 0 || count * entrySize > mostEntryBytes)
    return `it lists ${count} entries of ${entrySize} bytes`
  if (entriesAt === undefined || entriesAt * sectorSize + count * entrySize > store.size)
    return 'its entries lie beyond the end of the disk'
  const entries = await readBytes(store, entriesAt * sectorSize, count * entrySize)
  if (crc32(entries) !== fields.getUint32(88, true)) return 'the checksum of the entries is wrong'
  return readEntries(entries, count, entrySize, sectorSize)
}

function readEntries(
  entries: Uint8Array,
  count: number,
  entrySize: number,
  sectorSize: number,
): { partitions: Partition[]; warnings: string[] } {
  const partitions: Partition[] = []
  const warnings: string[] = []
  for (let index = 0; index < count; index++) {
    const entry = entries.subarray(index * entrySize, (index + 1) * entrySize)
    const type = guid(entry)
    if (type === unused) continue
    const fields = view(entry)
    const first = u64(fields, 32)
    const last = u64(fields, 40)
    if (first === undefined || last === undefined || last < first || !Number.isSafeInteger((last + 1) * sectorSize)) {
      warnings.push(`Partition ${index + 1} ends before it begins and is left out.`)
      continue
    }
    const name = new TextDecoder('utf-16le').decode(entry.subarray(56, 128)).replace(/\0.*$/s, '')
    partitions.push({
      number: index + 1,
      start: first * sectorSize,
      size: (last - first + 1) * sectorSize,
      type,
      typeName: gptTypeName(type),
      name,
    })
  }
  return { partitions, warnings }
}

/** The mixed-endian text form: the first three groups are little-endian numbers. */
function guid(bytes: Uint8Array): string {
  const hex = (...order: number[]): string =>
    order
      .map((at) => bytes[at]!.toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase()
  return [hex(3, 2, 1, 0), hex(5, 4), hex(7, 6), hex(8, 9), hex(10, 11, 12, 13, 14, 15)].join('-')
}
