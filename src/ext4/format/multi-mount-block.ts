/**
 * The block by which machines that share a disk tell each other who uses a filesystem
 * (multiple-mount protection). Source of the layout: the kernel's
 * Documentation/filesystems/ext4/mmp.rst; of the checksum: fs/ext4/mmp.c.
 */
import { crc32c } from '../../bytes/crc32c.js'
import { getU16, getU32, getU64, putU32, putU64 } from '../../bytes/little-endian.js'
import type { Superblock } from './superblock.js'

/** Bytes. */
export const mmpBlockSize = 1024

const mmpMagic = 0x004d4d50

/** Words of mmp_seq. What is not larger than `largest` is counted up by who has it mounted. */
export const mmpSequence = { clean: 0xff4d4d50, fsck: 0xe24d4d50, largest: 0xe24d4d4f } as const

export interface MmpBlock {
  readonly sequence: number
  /** Seconds since 1970; only for people. */
  readonly time: number
  /** Of the machine; '' when it does not say. */
  readonly node: string
  /** Seconds within which it is looked at; what others wait follows from it. */
  readonly checkInterval: number
}

/** @returns what is wrong with it, instead of the block */
export function decodeMmpBlock(bytes: Uint8Array, superblock: Superblock): MmpBlock | string {
  const mmp_magic = getU32(bytes, 0)
  if (mmp_magic !== mmpMagic) return `its magic number is 0x${mmp_magic.toString(16)}`
  if (superblock.checksums === 'crc32c' && getU32(bytes, 0x3fc) !== checksumOf(bytes, superblock))
    return 'its checksum does not match'
  return {
    sequence: getU32(bytes, 4),
    time: getU64(bytes, 8),
    node: Buffer.from(bytes.subarray(16, 80)).toString('latin1').replace(/\0.*$/s, ''),
    checkInterval: getU16(bytes, 112),
  }
}

/**
 * @param bytes as they are on the disk
 * @param who   left out: as it was
 * @param time  seconds since 1970
 * @returns the block with that in it
 */
export function changeMmpBlock(
  bytes: Uint8Array,
  superblock: Superblock,
  sequence: number,
  time: number,
  who?: { readonly node: string; readonly device: string },
): Uint8Array {
  const changed = bytes.slice()
  putU32(changed, 4, sequence)
  putU64(changed, 8, time)
  if (who) {
    putString(changed.subarray(16, 80), who.node)
    putString(changed.subarray(80, 112), who.device)
  }
  if (superblock.checksums === 'crc32c') putU32(changed, 0x3fc, checksumOf(changed, superblock))
  return changed
}

const checksumOf = (bytes: Uint8Array, { checksumSeed }: Superblock): number => crc32c(checksumSeed, bytes, 0, 0x3fc)

/** Ends in a zero, as C wants it. */
function putString(field: Uint8Array, text: string): void {
  field.fill(0)
  field.set(Buffer.from(text).subarray(0, field.length - 1))
}
