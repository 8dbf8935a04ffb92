/**
 * Changes below a folder that may be the root of another system, made so that nothing
 * in it can lead us out: every folder on the way is opened relative to the one before
 * and must be a folder, not a link; files are worked on through the descriptor of
 * their folder. What replaces a file is written beside it under a name nobody can
 * guess, flushed, and renamed.
 *
 * Paths are relative to the root, without a leading slash: 'etc/default/grub'.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { BootpackError, refused, usageError } from '../../errors.js'
import { asKernelError, failedWith } from '../../kernel/errno.js'
import { isOthers, notRootOnly } from '../../host/root-only.js'
import { escapePath } from '../../text/escape-path.js'

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const mostBytes = 1 << 20

export type Found =
  | { readonly kind: 'file'; readonly text: string; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string }

export class PinnedRoot {
  readonly path: string
  private readonly root: number

  private constructor(path: string, root: number) {
    this.path = path
    this.root = root
  }

  /**
   * @param path a folder; links on the way to it are followed, because the user named it
   * @throws usage when it is no folder
   */
  static open(path: string): PinnedRoot {
    try {
      return new PinnedRoot(path, openSync(path, constants.O_RDONLY | constants.O_DIRECTORY))
    } catch (cause) {
      if (failedWith(cause, 'ENOENT', 'ENOTDIR'))
        throw usageError(
          'no-root',
          `${escapePath(path)} is no folder.`,
          'Name the folder the other system is mounted at.',
        )
      throw asKernelError({ call: 'open', on: path }, () => {
        throw cause
      })
    }
  }

  close(): void {
    closeSync(this.root)
  }

  /** For messages. */
  shown(path: string): string {
    return escapePath(this.path === '/' ? `/${path}` : `${this.path}/${path}`)
  }

  /** @throws refused when it is a link, or a folder on the way is */
  hasFolder(path: string): boolean {
    return this.inFolder(path, () => true) ?? false
  }

  /** Whether there is anything; what lies behind a link counts as missing. */
  has(path: string): boolean {
    return this.unlessRefused(() => this.beside(path, (at) => statOf(at) !== undefined)) ?? false
  }

  /** As `find`, but what cannot be looked at without following a link counts as missing. */
  glance(path: string): Found | undefined {
    return this.unlessRefused(() => this.find(path))
  }

  /**
   * What is at a path; undefined when nothing is.
   * @throws refused when it is neither a file nor a link, or a folder on the way is a link
   */
  find(path: string): Found | undefined {
    return this.beside(path, (at) => {
      const stats = statOf(at)
      if (!stats) return undefined
      if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(at) }
      if (!stats.isFile())
        throw refused(
          'not-a-file',
          `${this.shown(path)} is no ordinary file; it was left alone.`,
          'Look at what it is, and remove it if it may go.',
        )
      const fd = asKernelError({ call: 'open', on: this.shown(path) }, () =>
        openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
      )
      try {
        if (stats.size > mostBytes)
          throw refused('file-too-large', `${this.shown(path)} is too large to be one of ours.`, 'Look at what it is.')
        return { kind: 'file', text: readFileSync(fd, 'utf8'), mode: stats.mode & 0o7777 }
      } finally {
        closeSync(fd)
      }
    })
  }

  /** Puts a whole file in place of what is there. Its folder must exist. */
  writeFile(path: string, contents: string | Uint8Array, mode = 0o644): void {
    this.replace(path, (at) => {
      const fd = openSync(at, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
      try {
        writeFileSync(fd, contents)
        fchmodSync(fd, mode)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
    })
  }

  writeLink(path: string, target: string): void {
    this.replace(path, (at) => symlinkSync(target, at))
  }

  /** @returns whether there was something */
  remove(path: string): boolean {
    return (
      this.beside(path, (at, folder) => {
        try {
          unlinkSync(at)
        } catch (error) {
          if (failedWith(error, 'ENOENT')) return false
          throw error
        }
        fsyncSync(folder)
        return true
      }) ?? false
    )
  }

  /** Makes the folders that are missing, with these permissions; returns them, outermost first. */
  makeFolders(path: string, mode = 0o755): string[] {
    const made: string[] = []
    const parts = path.split('/')
    for (let n = 1; n <= parts.length; n++) {
      const one = parts.slice(0, n).join('/')
      if (this.hasFolder(one)) continue
      this.beside(one, (at, folder) => {
        asKernelError({ call: 'mkdir', on: this.shown(one) }, () => mkdirSync(at, mode))
        fsyncSync(folder)
      })
      made.push(one)
    }
    return made
  }

  /**
   * What root will run or read by itself must not be somebody else's to exchange: the file
   * that is there, and every folder on the way. Of a system that is only being built, files
   * are those of whoever owns its root.
   * @throws refused when others can change one of them
   */
  needRootOnly(path: string, when: string): void {
    const owners = this.path === '/' ? [] : [fstatSync(this.root).uid]
    const parts = path.split('/')
    for (let n = 0; n <= parts.length; n++) {
      const one = parts.slice(0, n).join('/')
      const stats = n === 0 ? fstatSync(this.root) : this.unlessRefused(() => this.beside(one, (at) => statOf(at)))
      if (!stats) return
      if (stats.isSymbolicLink() || !isOthers(stats, owners)) continue
      const shown = this.shown(one)
      throw notRootOnly(
        join(this.path, one),
        when,
        `Make it root's alone first: chown root ${shown} && chmod go-w ${shown}`,
      )
    }
  }

  /** Removes a folder if nothing is in it. */
  removeEmptyFolder(path: string): boolean {
    return (
      this.beside(path, (at) => {
        try {
          rmdirSync(at)
          return true
        } catch (error) {
          if (failedWith(error, 'ENOENT', 'ENOTDIR') || (error as NodeJS.ErrnoException).code === 'ENOTEMPTY')
            return false
          throw error
        }
      }) ?? false
    )
  }

  /** Removes what a run that was killed left beside a path. */
  sweep(path: string): void {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const temporary = new RegExp(`^\\.${name.replaceAll('.', '\\.')}\\.[0-9a-f]{32}\\.tmp$`)
    this.inFolder(path.slice(0, path.lastIndexOf('/')), (folder) => {
      for (const left of readdirSync(below(folder))) if (temporary.test(left)) unlinkSync(below(folder, left))
    })
  }

  private unlessRefused<Result>(look: () => Result): Result | undefined {
    try {
      return look()
    } catch (error) {
      if (error instanceof BootpackError && error.family === 'refused') return undefined
      throw error
    }
  }

  private replace(path: string, make: (at: string) => void): void {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const done = this.beside(path, (at, folder) => {
      const temporary = below(folder, `.${name}.${randomBytes(16).toString('hex')}.tmp`)
      asKernelError({ call: 'write', on: this.shown(path) }, () => {
        try {
          make(temporary)
          renameSync(temporary, at)
        } catch (error) {
          try {
            unlinkSync(temporary)
          } catch {
            /* It was not made. */
          }
          throw error
        }
        fsyncSync(folder)
      })
      return true
    })
    if (!done)
      throw usageError(
        'no-folder',
        `There is no folder for ${this.shown(path)}.`,
        'Check that --root names the root of a system.',
      )
  }

  /** Calls with the path of something in its pinned folder; undefined when the folder does not exist. */
  private beside<Result>(path: string, use: (at: string, folder: number) => Result): Result | undefined {
    const slash = path.lastIndexOf('/')
    return this.inFolder(slash < 0 ? '' : path.slice(0, slash), (folder) =>
      use(below(folder, path.slice(slash + 1)), folder),
    )
  }

  private inFolder<Result>(path: string, use: (folder: number) => Result): Result | undefined {
    let at = openSync(below(this.root), constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      const parts = path === '' ? [] : path.split('/')
      for (const [i, part] of parts.entries()) {
        const next = this.step(at, part, parts.slice(0, i + 1).join('/'))
        if (next === undefined) return undefined
        closeSync(at)
        at = next
      }
      return use(at)
    } finally {
      closeSync(at)
    }
  }

  private step(folder: number, part: string, whole: string): number | undefined {
    const at = below(folder, part)
    try {
      return openSync(at, folderFlags)
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return undefined
      if (failedWith(error, 'ENOTDIR', 'ELOOP')) {
        const what = statOf(at)?.isSymbolicLink() ? 'a symbolic link' : 'no folder'
        throw refused(
          'not-a-folder',
          `${this.shown(whole)} is ${what}; links are not followed here.`,
          'Put the settings in by hand; collect setup without --apply prints them.',
        )
      }
      return asKernelError({ call: 'open', on: this.shown(whole) }, () => {
        throw error
      })
    }
  }
}

const below = (folder: number, name?: string): string =>
  `/proc/self/fd/${folder}${name === undefined ? '' : `/${name}`}`

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })
