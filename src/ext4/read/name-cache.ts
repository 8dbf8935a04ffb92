import { decodeName, encodeName } from '../../bytes/file-name.js'
import { visitDirectory, type ReadBudget } from './directory.js'
import type { Filesystem } from './filesystem.js'
import { inodeFlag, type Inode } from '../format/inode.js'

/** Names held in all directories together. */
const mostNames = 200_000

/** A directory with more bytes than this is searched every time instead of being held. */
const largestHeld = 4 * 1024 * 1024

/**
 * Names of the directories that path walks came through. Moving blocks changes no
 * names, so nothing here ever becomes wrong but by renumbering inodes.
 */
export class NameCache {
  /** In order of use, the oldest first. */
  private readonly held = new Map<number, ReadonlyMap<string, number>>()
  private names = 0

  private readonly filesystem: Filesystem

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem
  }

  /** Inode number of a name; undefined when it is not there. In an encrypted directory no name is readable. */
  async find(directory: Inode, name: string, budget?: ReadBudget): Promise<number | undefined> {
    if (directory.flags & inodeFlag.encrypted) return undefined
    if (directory.size > largestHeld) return this.search(directory, name, budget)
    const entries = this.held.get(directory.number) ?? (await this.read(directory, budget))
    this.held.delete(directory.number)
    this.held.set(directory.number, entries)
    return entries.get(name)
  }

  /** Forgets everything: inodes have other numbers. */
  clear(): void {
    this.held.clear()
    this.names = 0
  }

  private async read(directory: Inode, budget: ReadBudget | undefined): Promise<ReadonlyMap<string, number>> {
    const entries = new Map<string, number>()
    await visitDirectory(
      this.filesystem,
      directory,
      (bytes, inode, _type, start, end) => {
        entries.set(decodeName(bytes.subarray(start, end)), inode)
      },
      budget,
    )
    if (this.held.has(directory.number)) return entries
    this.held.set(directory.number, entries)
    this.names += entries.size
    for (const [oldest, { size }] of this.held) {
      if (this.names <= mostNames || oldest === directory.number) break
      this.held.delete(oldest)
      this.names -= size
    }
    return entries
  }

  private async search(directory: Inode, name: string, budget: ReadBudget | undefined): Promise<number | undefined> {
    const wanted = encodeName(name)
    let found: number | undefined
    await visitDirectory(
      this.filesystem,
      directory,
      (bytes, inode, _type, start, end) => {
        if (end - start !== wanted.length) return false
        for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false
        found = inode
        return true
      },
      budget,
    )
    return found
  }
}
