/**
 * Names as recordings write them, turned into names below the root of the traced
 * filesystem. `..` is left alone: what it means depends on symlinks, which only
 * the volume knows.
 */
import { decodeName, encodeName } from '../../bytes/file-name.js'

/** Longest name the kernel takes, in bytes. */
const longestPath = 4096

/** What the kernel mounts for itself; never on the disk being packed. */
const pseudo = /^\/(?:proc|sys|dev|run)(?:\/|$)/

export type PlacedPath =
  { readonly path: string } | { readonly dropped: 'outside-root' | 'pseudo-file' | 'relative-name' } | undefined

/** One slash where there were several, no `.` parts, no slash at the end. */
export function tidyPath(path: string): string {
  if (!/\/\/|\/\.(?:\/|$)|.\/$/.test(path)) return path
  const tidy = path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
  return `/${tidy}`
}

/** Names placed lately: recordings name the same files over and over. */
const mostRemembered = 65_536

/** Places names; one for the time of an import. */
export class PathPlacer {
  private readonly root: string
  private readonly workingDirectory: string | undefined
  private readonly placed = new Map<string, PlacedPath>()

  private readonly skipPseudo: boolean

  /**
   * @param options.root  mount point of the traced filesystem
   * @param options.workingDirectory for relative names
   * @param skipPseudo leave out /proc, /sys, /dev and /run, for recorders that see all mounts
   */
  constructor(options: { readonly root?: string; readonly workingDirectory?: string }, skipPseudo = false) {
    this.skipPseudo = skipPseudo
    this.root = tidyPath(options.root ?? '/')
    this.workingDirectory = options.workingDirectory
  }

  /** @returns undefined for what cannot be a name at all */
  place(name: string): PlacedPath {
    let placed = this.placed.get(name)
    if (placed === undefined) {
      placed = this.decide(name)
      if (placed === undefined) return undefined
      if (this.placed.size >= mostRemembered) this.placed.clear()
      this.placed.set(name, placed)
    }
    return placed
  }

  private decide(name: string): PlacedPath {
    if (name.length === 0 || name.length > longestPath || name.includes('\0')) return undefined
    let path = name
    if (!path.startsWith('/')) {
      if (this.workingDirectory === undefined) return { dropped: 'relative-name' }
      path = `${this.workingDirectory}/${path}`
    }
    path = tidyPath(path)
    if (this.root !== '/') {
      if (path !== this.root && !path.startsWith(`${this.root}/`)) return { dropped: 'outside-root' }
      path = path.slice(this.root.length) || '/'
    } else if (this.skipPseudo && pseudo.test(path)) {
      return { dropped: 'pseudo-file' }
    }
    return { path }
  }
}

const octal = /\\([0-3][0-7]{2})/

/** Undoes `\040`-like escapes of exactly three octal digits; other backslashes stay. */
export function decodeOctal(text: string): string {
  if (!octal.test(text)) return text
  const source = encodeName(text)
  const out = Buffer.alloc(source.length)
  let length = 0
  for (let i = 0; i < source.length; i++) {
    if (source[i] === 92 && i + 3 < source.length) {
      const [a, b, c] = [source[i + 1]! - 48, source[i + 2]! - 48, source[i + 3]! - 48]
      if (a >= 0 && a <= 3 && b >= 0 && b <= 7 && c >= 0 && c <= 7) {
        out[length++] = a * 64 + b * 8 + c
        i += 3
        continue
      }
    }
    out[length++] = source[i]!
  }
  return decodeName(out, 0, length)
}
