/** The folder the traces of boots are kept in when no other place was asked for. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { asKernelError, failedWith } from '../kernel/errno.js'

export const tracesFolder = '/var/lib/bootpack'

/** Permissions of folders that hold traces, plans or what became of them. */
export const privateFolder = 0o700
/** Of the files themselves. */
export const privateFile = 0o600

const namePattern = /^(?:[\w.-]+-)?boot-(\d{8}T\d{6})\.trace\.gz$/

/** 'boot-20240131T070509.trace.gz', by the time the machine was started, in UTC. */
export const bootTraceName = (started: Date): string =>
  `boot-${started.toISOString().slice(0, 19).replace(/[-:]/g, '')}.trace.gz`

/**
 * Makes the folder where it is missing, and takes it from the eyes of others where an
 * earlier version made it for all: traces tell names of files and command lines.
 */
export function makeTracesFolder(folder = tracesFolder): void {
  asKernelError({ call: 'mkdir', on: folder }, () => mkdirSync(folder, { recursive: true, mode: privateFolder }))
  asKernelError({ call: 'open', on: folder }, () => {
    const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      const { uid, mode } = fstatSync(fd)
      if (uid === process.geteuid!() && (mode & 0o077) !== 0) fchmodSync(fd, privateFolder)
    } finally {
      closeSync(fd)
    }
  })
}

/**
 * Removes the traces of all but the last boots, so that recording every boot fills no disk.
 * @param keep boots
 * @returns the names of removed files
 */
export function removeOldTraces(keep: number, folder = tracesFolder): string[] {
  const names = readdirSync(folder).filter((name) => namePattern.test(name) && lstatSync(join(folder, name)).isFile())
  const boots = [...new Set(names.map((name) => namePattern.exec(name)![1]!))].sort()
  const old = new Set(boots.slice(0, Math.max(0, boots.length - keep)))
  return names
    .filter((name) => old.has(namePattern.exec(name)![1]!))
    .filter((name) => {
      try {
        unlinkSync(join(folder, name))
        return true
      } catch (error) {
        if (failedWith(error, 'ENOENT')) return false
        throw error
      }
    })
}
