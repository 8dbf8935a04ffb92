/**
 * Everything the kernel says of a mounted tree but inode numbers and link targets of
 * time: type, owner, mode, size, times to the nanosecond, links, device, attributes and
 * contents of every name.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { loopMounted } from './mount.js'
import { run } from './tools.js'

export interface Entry {
  readonly inode: number
  /** All but the number. */
  readonly facts: string
}

/** By path; found by reading directories, and each looked up by its name. */
export function manifestOf(image: string): Map<string, Entry> {
  return loopMounted(
    image,
    (folder) => {
      const entries = new Map<string, Entry>()
      const attributes = attributesOf(folder)
      const walk = (path: string): void => {
        const stats = lstatSync(join(folder, path), { bigint: true })
        const { mode, uid, gid, size, nlink, rdev, atimeNs, mtimeNs, ctimeNs, birthtimeNs, blocks } = stats
        const contents = stats.isFile()
          ? createHash('sha256')
              .update(readFileSync(join(folder, path)))
              .digest('hex')
          : stats.isSymbolicLink()
            ? readlinkSync(join(folder, path))
            : ''
        const facts = [
          mode,
          uid,
          gid,
          size,
          nlink,
          rdev,
          atimeNs,
          mtimeNs,
          ctimeNs,
          birthtimeNs,
          blocks,
          contents,
          attributes.get(path) ?? '',
        ].join(' ')
        entries.set(path, { inode: Number(stats.ino), facts })
        if (stats.isDirectory()) for (const name of readdirSync(join(folder, path))) walk(join(path, name))
      }
      walk('/')
      return entries
    },
    'ro,noload',
  )
}

/** As getfattr prints them, access lists among them. */
function attributesOf(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  const { stdout } = run('getfattr', ['-R', '-h', '-P', '-d', '-m', '-', '-e', 'hex', '--absolute-names', folder])
  for (const part of stdout.split('\n\n')) {
    const lines = part.trim().split('\n')
    const name = /^# file: (.*)$/.exec(lines[0] ?? '')?.[1]
    if (name !== undefined) found.set(join('/', name.slice(folder.length)), lines.slice(1).sort().join(' '))
  }
  return found
}
