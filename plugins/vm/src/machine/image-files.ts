/**
 * The disk image a machine boots from: its bytes as a disk, and the files of the
 * ext4 filesystem on it. Only reads.
 */
import { unsupported } from 'bootpack/engine'
import {
  decodeName,
  Filesystem,
  findFilesystem,
  openGated,
  readFileMap,
  refuseState,
  visitDirectory,
  walkPath,
  type FilesystemName,
  type Store,
} from 'bootpack/ext4'

/** No kernel and no initial ramdisk comes near it. */
const largestFile = 512 * 1024 * 1024

export interface ImageFile {
  /** Without links: where a link led. */
  readonly path: string
  readonly contents: Buffer
}

export class BootImage {
  readonly path: string
  /** The whole disk. */
  readonly disk: Store
  /** Bytes from the start of the disk to the filesystem. */
  readonly start: number
  /** 0 when the filesystem is the whole disk. */
  readonly partition: number
  private readonly filesystem: Filesystem
  private readonly name: FilesystemName

  private constructor(
    path: string,
    disk: Store,
    start: number,
    partition: number,
    filesystem: Filesystem,
    name: FilesystemName,
  ) {
    this.path = path
    this.disk = disk
    this.start = start
    this.partition = partition
    this.filesystem = filesystem
    this.name = name
  }

  /** @throws what opening an image for reading throws: in use, no ext4, a choice of partitions */
  static async open(path: string, partition?: number): Promise<BootImage> {
    const { store, sectorSize } = await openGated(path, false)
    try {
      const place = await findFilesystem(store, path, { partition, sectorSize })
      const filesystem = await Filesystem.open(place.store)
      return new BootImage(path, store, startOf(place.store), place.partition, filesystem, place.name)
    } catch (error) {
      await store.close()
      throw error
    }
  }

  get uuid(): string {
    return this.filesystem.superblock.uuid
  }

  /** Bytes of the filesystem. */
  get length(): number {
    return this.filesystem.superblock.blockCount * this.filesystem.blockSize
  }

  /** Refuses a filesystem whose files cannot be read as they are, because its journal waits. */
  requireReadable(): void {
    refuseState(this.filesystem.superblock, this.name, false)
  }

  /** Names in a directory, in no order; none when it is not there. */
  async names(path: string): Promise<string[]> {
    const found = await walkPath(this.filesystem, path)
    const names: string[] = []
    if (found?.inode.type !== 'directory') return names
    await visitDirectory(this.filesystem, found.inode, (bytes, _inode, _type, start, end) => {
      names.push(decodeName(bytes.subarray(start, end)))
    })
    return names
  }

  /** Where a path leads, links followed; undefined when there is no file. */
  async find(path: string): Promise<string | undefined> {
    const found = await walkPath(this.filesystem, path)
    return found?.inode.type === 'regular' ? found.path : undefined
  }

  /** @throws unsupported when it is too large, corrupt, io */
  async read(path: string): Promise<ImageFile | undefined> {
    const found = await walkPath(this.filesystem, path)
    if (found?.inode.type !== 'regular') return undefined
    const { size } = found.inode
    if (size > largestFile)
      throw unsupported(
        'large-boot-file',
        `${found.path} has ${size} bytes, too many for a kernel or an initial ramdisk.`,
      )
    const { blockSize, store } = this.filesystem
    const contents = Buffer.alloc(size)
    for (const { logical, physical, length, unwritten } of (await readFileMap(this.filesystem, found.inode)).extents) {
      const from = logical * blockSize
      const to = Math.min(size, from + length * blockSize)
      if (!unwritten && to > from) await store.read(physical * blockSize, contents.subarray(from, to))
    }
    return { path: found.path, contents }
  }

  close(): Promise<void> {
    return this.disk.close()
  }
}

/** A part of a disk knows where it begins. */
const startOf = (store: Store): number => ('start' in store && typeof store.start === 'number' ? store.start : 0)
