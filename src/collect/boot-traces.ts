/** The folder the traces of boots are kept in when no other place was asked for. */
import { lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { asKernelError, failedWith } from '../kernel/errno.js'

export const tracesFolder = '/var/lib/bootpack'

const namePattern = /^(?:[\w.-]+-)?boot-(\d{8}T\d{6})\.trace\.gz$/

/** 'boot-20240131T070509.trace.gz', by the time the machine was started, in UTC. */
export const bootTraceName = (started: Date): string =>
  `boot-${started.toISOString().slice(0, 19).replace(/[-:]/g, '')}.trace.gz`

/** Makes the folder where it is missing. */
export function makeTracesFolder(folder = tracesFolder): void {
  asKernelError({ call: 'mkdir', on: folder }, () => mkdirSync(folder, { recursive: true, mode: 0o755 }))
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
