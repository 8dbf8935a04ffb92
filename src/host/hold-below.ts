/**
 * Keeps what a device reads: the file behind a loop device by the lock of writer-lock.ts
 * on those bytes of it that the device gives out, a device behind one by opening that
 * exclusively. The parts of a stacked device (device mapper, RAID) are the kernel's
 * already, and shared with other such devices: there one only looks.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { lockOfOthers } from '../kernel/ofd-lock.js'
import { attempt, isIdentity, type FileIdentity, type Identity } from './block-devices.js'
import { layersBelow, type Layer } from './device-stack.js'
import type { WatchedFile } from './newcomers.js'
import { openersOf } from './openers.js'
import { lockForWriting, type OtherWriter } from './writer-lock.js'

export interface HeldBelow {
  /** Who is in the way, if anybody is, and of what. */
  readonly writer: OtherWriter | undefined
  readonly path: string
  /** Those that could be opened. */
  readonly files: readonly WatchedFile[]
  release(): void
}

const O_CLOEXEC = 0o2000000

/** What cannot be found or opened from here is not held; others still see the device that reads it. */
export function holdBelow(identity: Identity): HeldBelow {
  const held: number[] = []
  const files: WatchedFile[] = []
  const release = (): void => {
    for (const fd of held.splice(0)) closeSync(fd)
  }
  for (const layer of layersBelow(identity)) {
    const path = pathOf(layer)
    if (path === undefined) continue
    const writer =
      layer.identity.kind === 'file'
        ? holdFile(path, layer.identity, layer, held, files)
        : layer.by === 'loop'
          ? holdDevice(path, layer.identity, held)
          : undefined
    if (writer) return { writer, path, files, release }
  }
  return { writer: undefined, path: '', files, release }
}

const pathOf = ({ path, identity }: Layer): string | undefined =>
  path ?? (identity.kind === 'block' ? join('/dev/block', identity.device) : undefined)

function open(path: string, flags: number, identity: Identity): number | undefined {
  const fd = attempt(() => openSync(path, flags | constants.O_NONBLOCK | O_CLOEXEC))
  if (fd === undefined) return undefined
  if (isIdentity(fstatSync(fd, { bigint: true }), identity)) return fd
  closeSync(fd)
  return undefined
}

function holdFile(
  path: string,
  identity: FileIdentity,
  { range }: Layer,
  held: number[],
  files: WatchedFile[],
): OtherWriter | undefined {
  const writable = open(path, constants.O_RDWR, identity)
  const fd = writable ?? open(path, constants.O_RDONLY, identity)
  if (fd === undefined) return undefined
  held.push(fd)
  files.push({ fd, identity })
  if (writable !== undefined && range !== undefined) {
    const writer = lockForWriting(fd, identity, range)
    if (writer) return writer
  } else if (lockOfOthers(fd, range) === 'write') {
    return { as: 'lock', opener: openersOf(identity).find(({ locks }) => locks) }
  }
  // The loop device itself is no process. A bootpack on another part of the file holds its lock there.
  const opener = openersOf(identity).find(({ writes, locks }) => writes && !locks)
  return opener && { as: 'writer', opener }
}

function holdDevice(path: string, identity: Identity, held: number[]): OtherWriter | undefined {
  try {
    held.push(openSync(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK | O_CLOEXEC))
    return undefined
  } catch (error) {
    const opener = openersOf(identity).find(({ writes }) => writes)
    return (error as NodeJS.ErrnoException).code === 'EBUSY' ? { as: 'writer', opener } : undefined
  }
}
