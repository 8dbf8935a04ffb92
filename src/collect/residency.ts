/**
 * Which pages of a filesystem's files are in memory now. For systems where nothing
 * was recorded: it tells what, not in which order, and what was in memory for any
 * other reason is in it as well.
 */
import { closeSync, constants, fstatSync, accessSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { failedWith } from '../kernel/errno.js'
import { residentRanges } from '../kernel/mincore.js'
import type { TraceRead } from '../trace/model/trace.js'
import { pathOnFilesystem, type Mount } from './mounts.js'
import type { Recording } from './recording.js'
import { openWalked, walkFilesystem, type WalkedEntry } from '../host/walk.js'

const filesPerBreath = 500

export interface Place {
  /** A directory. */
  readonly folder: string
  readonly mount: Mount
}

/**
 * @param places folders to look at, each with the mount it lies on
 * @returns reads sorted by path, without times; `ignored` counts files that may not be looked at
 * @throws KernelError when one of the folders cannot be read
 */
export async function recordResidency(
  places: readonly Place[],
  signal: AbortSignal,
): Promise<Recording & { readonly interrupted: boolean }> {
  const files = new Map<string, TraceRead[]>()
  const unreadable = { count: 0 }
  let notOurs = 0
  let looked = 0
  for (const { folder, mount } of places) {
    for (const entry of walkFilesystem(folder, { unreadable })) {
      if (signal.aborted) break
      if (entry.type !== 'regular') continue
      if (++looked % filesPerBreath === 0) await breathe()
      const key = `${mount.device} ${entry.inode}`
      if (files.has(key)) continue
      const shown = folder === '/' ? entry.path : folder + entry.path
      const found = residentReads(entry, mount.device, pathOnFilesystem(shown, mount)!)
      if (found === 'not-ours') notOurs++
      else if (found === undefined) unreadable.count++
      else if (found.length > 0) files.set(key, found)
    }
  }
  const reads = [...files.values()].sort(([a], [b]) => (a!.path! < b!.path! ? -1 : 1)).flat()
  return {
    source: 'mincore',
    reads,
    lost: 0,
    interrupted: signal.aborted,
    ignored: {
      ...(notOurs > 0 && { 'not-ours': notOurs }),
      ...(unreadable.count > 0 && { unreadable: unreadable.count }),
    },
  }
}

/** @returns undefined when it cannot be opened, 'not-ours' when the kernel would not say the truth */
function residentReads(entry: WalkedEntry, dev: string, path: string): TraceRead[] | 'not-ours' | undefined {
  let fd: number | undefined
  try {
    fd = openWalked(entry)
  } catch (error) {
    return failedWith(error, 'EACCES', 'EPERM') ? 'not-ours' : undefined
  }
  if (fd === undefined) return undefined
  try {
    const { ino, size, uid } = fstatSync(fd)
    if (size === 0) return []
    if (!isAnsweredTruly(fd, uid)) return 'not-ours'
    return residentRanges(fd, size).map(({ from, length }): TraceRead => ({
      ino,
      path,
      off: from,
      len: Math.min(length, size - from),
      kind: 'data',
      dev,
    }))
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** mincore(2) tells owners and those who may write; to others it calls every page resident. */
function isAnsweredTruly(fd: number, owner: number): boolean {
  const user = process.geteuid?.()
  if (user === 0 || user === owner) return true
  try {
    accessSync(`/proc/self/fd/${fd}`, constants.W_OK)
    return true
  } catch {
    return false
  }
}
