/**
 * Names for the inode numbers of a trace on a mounted filesystem that no engine
 * knows: one walk over its folders. What was read of the device itself stays as it
 * is, since only an engine can tell whose blocks those are.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { encodeName } from '../bytes/file-name.js'
import { asKernelError } from '../kernel/errno.js'
import { statusOf } from '../kernel/statx.js'
import type { TraceRead } from '../trace/model/trace.js'
import { pathInMount, pathOnFilesystem, type Mount } from './mounts.js'
import { walkFilesystem, withHeldAt } from '../host/walk.js'

export interface NamedReads {
  readonly reads: readonly TraceRead[]
  /** Files that have no name any more, or that the mount does not show. */
  readonly missing: number
  /** Reads of the device itself, left as they are. */
  readonly unresolved: number
}

const entriesPerBreath = 5000

/** @throws KernelError when the mount point cannot be read */
export async function nameByWalk(reads: readonly TraceRead[], mount: Mount): Promise<NamedReads> {
  const paths = new Map<number, string>()
  const wanted = new Set<number>()
  const top = openTop(mount)
  try {
    for (const { ino, path } of reads) {
      if (ino === undefined || paths.has(ino)) continue
      // The name it was opened by, if it still is that file's.
      if (path !== undefined && inodeAt(path, mount, top) === ino) paths.set(ino, path)
      else wanted.add(ino)
    }
  } finally {
    closeSync(top)
  }
  for (const ino of paths.keys()) wanted.delete(ino)
  await findNames(wanted, mount, paths)
  const missing = new Set<number>()
  let unresolved = 0
  const named = reads.flatMap((read) => {
    const { ino, path: _opened, ...rest } = read
    if (ino === undefined) {
      if (read.path === undefined) unresolved++
      return [read]
    }
    const path = paths.get(ino)
    if (path === undefined) {
      missing.add(ino)
      return []
    }
    const { t, ...others } = rest
    return [{ ...(t === undefined ? {} : { t }), ino, path, ...others } as TraceRead]
  })
  return { reads: named, missing: missing.size, unresolved }
}

async function findNames(wanted: Set<number>, mount: Mount, paths: Map<number, string>): Promise<void> {
  if (wanted.size === 0) return
  let seen = 0
  for (const { inode, path } of walkFilesystem(mount.mountPoint)) {
    if (wanted.delete(inode))
      paths.set(inode, pathOnFilesystem(mount.mountPoint === '/' ? path : mount.mountPoint + path, mount)!)
    if (wanted.size === 0) return
    if (++seen % entriesPerBreath === 0) await breathe()
  }
}

const openTop = ({ mountPoint }: Mount): number =>
  asKernelError({ call: 'open', on: mountPoint }, () =>
    openSync(encodeName(mountPoint), constants.O_RDONLY | constants.O_DIRECTORY),
  )

function inodeAt(path: string, mount: Mount, top: number): number | undefined {
  const shown = pathInMount(path, mount)
  if (shown === undefined) return undefined
  const below = mount.mountPoint === '/' ? shown : shown.slice(mount.mountPoint.length)
  const names = below.split('/').filter((name) => name !== '')
  if (names.length === 0) return statusOf(top).inode
  return withHeldAt(top, names.map(encodeName), ({ inode }) => inode)
}
