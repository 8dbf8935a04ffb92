/**
 * An undo file in the format of e2fsprogs (E2UNDO02), which the stock e2undo plays
 * back. The file is cut into blocks of 4096 bytes:
 *
 *     0       header: counts, places, a checksum, whether the file is finished
 *     1       the superblock as it is on the disk now, its magic number inverted
 *     2       key block, then the old contents its keys tell of, then the next
 *             key block, then the contents of its keys, ...
 *
 * A key says where old contents belong (in units of 4096 bytes: the file calls that
 * the filesystem's block size, and e2undo asks no further), how long they are and
 * their checksum; contents begin at a block each. All key blocks but the last are
 * full. Numbers are little-endian, checksums crc32c from ~0.
 *
 * The order on the disk is the point of it: `save` returns when everything needed to
 * take back a change is durable. Contents and key block first, then the header that
 * counts them; a header that counts keys which are not there would spoil the file.
 */
import { crc32c } from '../../bytes/crc32c.js'
import { putU32, putU64 } from '../../bytes/little-endian.js'
import type { Store } from '../../storage/store.js'
import { superblockSize } from '../format/superblock.js'

export const undoBlockSize = 4096

/** Keys in one key block; the room of one more is its header. */
const keysPerBlock = undoBlockSize / 16 - 1
/** e2undo reads the contents of one key into a buffer of so many blocks. */
const mostBlocksPerKey = 512
const keyBlockMagic = 0xcadecade
const headerSize = 512
const finishedFlag = 0x1
const withOffsetFlag = 0x1

const place = { header: 0, superblock: 1, firstKeys: 2 } as const

/** Where the file's bytes go. */
export interface UndoTarget extends Pick<Store, 'write' | 'flush' | 'close'> {
  /** Takes it away again, where it can be: nothing was recorded in it. */
  readonly discard?: () => Promise<void>
}

export interface OldContents {
  /** In blocks of 4096 bytes from the start of the filesystem. */
  readonly block: number
  /** Whole blocks, but for the last one of the filesystem. */
  readonly bytes: Uint8Array
}

export class UndoFile {
  private keys = new Uint8Array(undoBlockSize)
  private keysHere = 0
  private keyCount = 0
  private keyBlock: number = place.firstKeys
  private end: number = place.firstKeys + 1

  private readonly target: UndoTarget
  private readonly filesystemOffset: number

  /** @param filesystemOffset bytes of the device before the filesystem */
  constructor(target: UndoTarget, filesystemOffset: number) {
    this.target = target
    this.filesystemOffset = filesystemOffset
  }

  /**
   * On return the contents can be brought back.
   * @param superblock the 1024 bytes as they will be on the disk when what comes next is written
   */
  async save(old: readonly OldContents[], superblock: Uint8Array): Promise<void> {
    for (const { block, bytes } of old) {
      const longest = mostBlocksPerKey * undoBlockSize
      for (let at = 0; at < bytes.length; at += longest)
        await this.add(block + at / undoBlockSize, bytes.subarray(at, at + longest))
    }
    if (this.keysHere > 0) await this.writeKeys()
    await this.target.flush()
    await this.writeHeader(superblock, false)
    await this.target.flush()
  }

  /** Says that the superblock is how the change left it, and that nothing is missing. */
  async finish(superblock: Uint8Array): Promise<void> {
    await this.writeHeader(superblock, true)
    await this.target.flush()
  }

  /** Whether there is anything in it that could be brought back. */
  get isEmpty(): boolean {
    return this.keyCount === 0
  }

  /** A file without a key takes nothing back, and the next run would be refused for it: it goes. */
  async close(): Promise<void> {
    try {
      if (this.isEmpty) await this.target.discard?.()
    } finally {
      await this.target.close()
    }
  }

  private async add(block: number, bytes: Uint8Array): Promise<void> {
    if (this.keysHere === keysPerBlock) {
      await this.writeKeys()
      this.keys = new Uint8Array(undoBlockSize)
      this.keysHere = 0
      this.keyBlock = this.end++
    }
    const at = 16 * (1 + this.keysHere)
    putU64(this.keys, at, block)
    putU32(this.keys, at + 8, crc32c(~0, bytes))
    putU32(this.keys, at + 12, bytes.length)
    await this.target.write(this.end * undoBlockSize, bytes)
    this.end += Math.ceil(bytes.length / undoBlockSize)
    this.keysHere++
    this.keyCount++
  }

  private async writeKeys(): Promise<void> {
    putU32(this.keys, 0, keyBlockMagic)
    putU32(this.keys, 4, 0)
    putU32(this.keys, 4, crc32c(~0, this.keys))
    await this.target.write(this.keyBlock * undoBlockSize, this.keys)
  }

  private async writeHeader(superblock: Uint8Array, finished: boolean): Promise<void> {
    const copy = new Uint8Array(undoBlockSize)
    copy.set(superblock)
    copy[0x38]! ^= 0xff
    copy[0x39]! ^= 0xff
    await this.target.write(place.superblock * undoBlockSize, copy)

    const header = new Uint8Array(undoBlockSize)
    header.set(new TextEncoder().encode('E2UNDO02'))
    putU64(header, 0x8, this.keyCount)
    putU64(header, 0x10, place.superblock)
    putU64(header, 0x18, place.firstKeys)
    putU32(header, 0x20, undoBlockSize)
    putU32(header, 0x24, undoBlockSize)
    putU32(header, 0x28, crc32c(~0, superblock, 0, superblockSize))
    putU32(header, 0x2c, finished ? finishedFlag : 0)
    putU32(header, 0x30, this.filesystemOffset > 0 ? withOffsetFlag : 0)
    putU64(header, 0x40, this.filesystemOffset)
    putU32(header, headerSize - 4, crc32c(~0, header, 0, headerSize - 4))
    await this.target.write(place.header, header)
  }
}
