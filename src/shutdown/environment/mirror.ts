/**
 * Puts files of the machine below another root, under the paths they have: what is
 * found by a path here is found by it there, too. Links on the way become links there;
 * nothing is ever written through one, since an absolute one would lead back out.
 */
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { refused } from '../../errors.js'
import { changeableByOthers } from '../../host/root-only.js'

/** As many as the kernel follows. */
const mostLinks = 40

export class Mirror {
  /** Of the files. */
  bytes = 0
  private readonly known = new Set<string>()
  private readonly made = new Set<string>()

  /** Folder the copies are put below. */
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  /**
   * A file or an empty folder, with what leads to it.
   * @throws refused when others than root could change it
   */
  add(path: string): void {
    const others = changeableByOthers(path, this.known)
    if (others !== undefined)
      throw refused(
        'not-root-only',
        `${others} can be changed by others than root, and what runs as root while the machine goes down must not be.`,
        'Install bootpack as root (docs/install.md).',
      )
    this.put(path)
  }

  /**
   * A folder with what is in it.
   * @param folder a real path
   * @param keep whether an entry is wanted; gets its path from the folder
   */
  addTree(folder: string, keep: (path: string) => boolean, from = ''): void {
    for (const entry of readdirSync(join(folder, from), { withFileTypes: true })) {
      const path = join(from, entry.name)
      if (!keep(path)) continue
      if (entry.isDirectory()) this.addTree(folder, keep, path)
      else if (entry.isFile()) this.add(join(folder, path))
    }
  }

  /** Step by step, so that `at` is always the real path of a folder that is there. */
  private put(path: string): void {
    const left = path.split('/')
    let at = '/'
    for (let links = 0; left.length > 0;) {
      const name = left.shift()!
      if (name === '' || name === '.') continue
      const next = name === '..' ? join(at, '..') : join(at, name)
      const stats = lstatSync(next)
      if (stats.isSymbolicLink()) {
        const target = readlinkSync(next)
        if (++links > mostLinks) throw new Error(`${path}: too many links`)
        this.once(next, (copy) => symlinkSync(target, copy))
        left.unshift(...target.split('/'))
        if (target.startsWith('/')) at = '/'
        continue
      }
      if (stats.isDirectory()) {
        if (next !== '/') this.once(next, (copy) => mkdirSync(copy, 0o755))
      } else
        this.once(next, (copy) => {
          copyFileSync(next, copy)
          this.bytes += stats.size
        })
      at = next
    }
  }

  private once(path: string, make: (copy: string) => void): void {
    if (this.made.has(path)) return
    this.made.add(path)
    make(join(this.root, path))
  }
}
