/**
 * What the kernel does not tell about a mounted filesystem, read from the block
 * device below it: names, extent-tree blocks, attribute blocks, system inodes.
 *
 * The kernel keeps metadata in the page cache of that same device and changes it
 * there, so what is read is what the kernel has, once dirty inodes are written
 * into it (syncfs). What is not given is one moment: a structure may change
 * between two reads, or half of it during one. Checksums show the latter. So a
 * look that fails is repeated with a fresh view, and only a failure that stays is
 * one of the filesystem. Nothing read here is ever trusted for moving a block;
 * that goes by FIEMAP.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fstatSync } from 'node:fs'
import { BootpackError, refused } from '../../errors.js'
import { FileStore } from '../../storage/file-store.js'
import { Filesystem } from '../../ext4/read/filesystem.js'
import { ImmovableFiles } from '../../ext4/ownership/immovable.js'
import { NameCache } from '../../ext4/read/name-cache.js'
import { lookForHolders, type HeldFiles } from './held-files.js'
import { syncFilesystem } from '../../kernel/syncfs.js'

/** One look at the device: what was read once stays as it was read. */
export interface DiskView {
  readonly filesystem: Filesystem
  readonly names: NameCache
  readonly immovable: ImmovableFiles
  readonly held: HeldFiles
}

/** A view answers for this long; a plan is made in less on most filesystems. */
const lifetimeMs = 10_000
const attempts = 6

export class DiskViews {
  private current: Promise<DiskView> | undefined
  private made = 0

  private readonly store: FileStore
  private readonly root: number

  private constructor(store: FileStore, root: number) {
    this.store = store
    this.root = root
  }

  /**
   * @param device block device, readable
   * @param root   descriptor of the filesystem's root directory
   */
  static async open(device: string, root: number): Promise<DiskViews> {
    const store = await FileStore.open(device)
    if (store.identity.blockDevice && store.identity.device === fstatSync(root, { bigint: true }).dev)
      return new DiskViews(store, root)
    await store.close()
    throw refused(
      'other-device',
      `${device} is not the device of the mounted filesystem.`,
      'Make /dev agree with the kernel: run udevadm trigger, or mount devtmpfs.',
    )
  }

  /** Forgets what was read; the next look sees the disk as it is then. */
  refresh(): void {
    this.current = undefined
  }

  /** Looks, and looks again when a structure was caught while it changed. */
  async look<Result>(at: (view: DiskView) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await at(await this.view())
      } catch (error) {
        const mayPass = error instanceof BootpackError && (error.family === 'corrupt' || error.family === 'refused')
        if (!mayPass || attempt === attempts) throw error
        this.refresh()
        await sleep(2 ** attempt)
      }
    }
  }

  async close(): Promise<void> {
    await this.store.close()
  }

  private view(): Promise<DiskView> {
    const now = performance.now()
    if (!this.current || now - this.made > lifetimeMs) {
      this.made = now
      this.current = this.open()
      this.current.catch(() => this.refresh())
    }
    return this.current
  }

  private async open(): Promise<DiskView> {
    syncFilesystem(this.root)
    const filesystem = await Filesystem.open(this.store)
    return {
      filesystem,
      names: new NameCache(filesystem),
      immovable: new ImmovableFiles(filesystem),
      held: lookForHolders(this.root),
    }
  }
}
