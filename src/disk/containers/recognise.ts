/**
 * What an image holds, told by its bytes alone: a container that must be converted,
 * another filesystem, a fixed VHD (a raw disk with a trailer), or none of them.
 */
import { unsupported, type BootpackError } from '../../errors.js'
import { partitionDevice } from './convert-command.js'
import { shellWord } from '../../text/shell-word.js'
import { containerFormats, type ContainerFormat } from './formats.js'
import { readBytes, view } from '../partitions/bytes.js'
import type { Store } from '../../storage/store.js'

/** Reaches the farthest magic, ReiserFS's. */
const headLength = 66 << 10

/**
 * @param standing which formats to look for, see ContainerFormat
 * @returns undefined when nothing known is there
 */
export async function recogniseContainer(
  store: Store,
  standing?: ContainerFormat['standing'],
): Promise<ContainerFormat | undefined> {
  const head = await readBytes(store, 0, Math.min(store.size, headLength))
  const tail = await readBytes(store, Math.max(0, store.size - 512), Math.min(store.size, 512))
  const found = containerFormats.find(
    (format) =>
      (standing ?? format.standing) === format.standing &&
      format.magic.some(({ offset, bytes }) =>
        holds(offset < 0 ? tail : head, offset < 0 ? tail.length + offset : offset, bytes),
      ),
  )
  return found ?? (standing !== 'inner' && (await isRaidMember(store)) ? raidFormat : undefined)
}

const raidFormat = containerFormats.find((format) => format.code === 'raid')!

function holds(bytes: Uint8Array, offset: number, magic: string): boolean {
  if (offset < 0 || offset + magic.length > bytes.length) return false
  for (let i = 0; i < magic.length; i++) if (bytes[offset + i] !== magic.charCodeAt(i)) return false
  return true
}

/**
 * RAID superblocks of formats 0.90 and 1.0 lie at the end, so that a mirror's member
 * looks like the filesystem in it. Writing to one member would tear the mirror apart.
 * Both say where they stand or what they are of, which chance does not.
 */
async function isRaidMember(store: Store): Promise<boolean> {
  const sectors = Math.floor(store.size / 512)
  const mirrorEnd = (sectors - 16 - ((sectors - 16) % 8)) * 512
  const places: (readonly [at: number, isReal: (fields: DataView) => boolean])[] = [
    [
      mirrorEnd,
      (fields) => fields.getUint32(4, true) === 1 && fields.getBigUint64(144, true) === BigInt(mirrorEnd / 512),
    ],
    [
      (Math.floor(store.size / 65536) - 1) * 65536,
      (fields) => fields.getUint32(4, true) === 0 && fields.getUint32(8, true) >= 90,
    ],
  ]
  for (const [at, isReal] of places) {
    if (at <= 0 || at + 512 > store.size) continue
    const fields = view(await readBytes(store, at, 512))
    if (fields.getUint32(0, true) === 0xa92b4efc && isReal(fields)) return true
  }
  return false
}

/**
 * A fixed VHD is a raw disk followed by 512 bytes of description.
 *
 * @returns the size of the disk in bytes, or undefined when this is not one
 */
export async function fixedVhdSize(store: Store): Promise<number | undefined> {
  if (store.size < 1024) return undefined
  const footer = await readBytes(store, store.size - 512, 512)
  const fields = view(footer)
  const fixed = 2
  if (!holds(footer, 0, 'conectix') || fields.getUint32(60) !== fixed) return undefined
  let sum = 0
  for (const [index, byte] of footer.entries()) if (index < 64 || index >= 68) sum += byte
  return ~sum >>> 0 === fields.getUint32(64) ? store.size - 512 : undefined
}

/** The refusal of something that was recognised. */
export const containerError = (format: ContainerFormat, path: string): BootpackError =>
  unsupported(
    format.code,
    `${shellWord(path)} is ${format.title}, not a raw image of an ext4 filesystem.`,
    format.advice(path),
  )

/** The same for a partition, which must become a device before another program can take it. */
export function insidePartition(format: ContainerFormat, path: string, partition: number): BootpackError {
  const isDevice = path.startsWith('/dev/')
  const device = partitionDevice(isDevice ? path : '/dev/loop0', partition)
  const first = isDevice
    ? ''
    : `Make its partitions devices with: losetup -fP --show ${shellWord(path)} (here taken to answer /dev/loop0). `
  return unsupported(
    format.code,
    `Partition ${partition} of ${shellWord(path)} is ${format.title}, not an ext4 filesystem.`,
    first + format.advice(device),
  )
}

/** The refusal of something that was not. */
export function notAFilesystem(size: number, path: string, partition?: number): BootpackError {
  const name = partition === undefined ? shellWord(path) : `Partition ${partition} of ${shellWord(path)}`
  if (size === 0) return unsupported('empty', `${name} is empty.`, 'Give an image with an ext4 filesystem in it.')
  return unsupported(
    'not-a-filesystem',
    `${name} holds neither an ext4 filesystem nor anything else that bootpack knows.`,
    'Give a raw image or a device with ext4 on it; the program "file" may tell what this is.',
  )
}
