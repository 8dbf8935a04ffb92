/**
 * Opens an image file or block device once nobody else is at it, and keeps others off.
 *
 * Whoever writes has the file to himself: by a lock on the file (host/writer-lock.ts),
 * or by the kernel's word on a block device opened exclusively; both are seen by every
 * bootpack of this machine, whatever namespace it runs in. What a device reads is kept
 * in the same way, so that the file behind a loop device is not written beside it.
 *
 * Reading takes no lock and keeps nobody off. Of a disk of a virtual machine (qcow2, VMDK …)
 * what is read is the disk inside, where QEMU's programs are at hand; QEMU's own locks tell
 * who else is at it.
 *
 * The looks at mounts, loop devices and writers are taken again when the lock is ours:
 * of two who come at the same time, at least one then sees the other.
 */
import { statSync, type BigIntStats } from 'node:fs'
import { resolve } from 'node:path'
import { ioError, refused, usageError } from '../../errors.js'
import { deviceNumber, identify, isReadOnlyDevice, sectorSizeOf, type Identity } from '../../host/block-devices.js'
import { FreshReader } from '../../host/fresh-read.js'
import { findUses } from '../../host/is-mounted.js'
import { holdBelow } from '../../host/hold-below.js'
import { Newcomers } from '../../host/newcomers.js'
import { openersOf } from '../../host/openers.js'
import { relatedDevices } from '../../host/device-stack.js'
import { findHolder, findWriter, lockForWriting, type OtherWriter } from '../../host/writer-lock.js'
import { recogniseContainer } from '../../disk/containers/recognise.js'
import { usableImage } from '../../qemu/image-info.js'
import { canServe, serveImage } from '../../qemu/serve-image.js'
import { FileStore } from '../../storage/file-store.js'
import { ReleasingStore } from '../../storage/releasing-store.js'
import type { Store } from '../../storage/store.js'
import { shellWord } from '../../text/shell-word.js'
import type { Guard } from './guard.js'
import { refuseUses, writerError } from '../ownership/preconditions.js'

export interface GatedDisk {
  readonly store: Store
  readonly identity: Identity
  /** Bytes; undefined for image files, which do not tell. */
  readonly sectorSize: number | undefined
  /** Where it is written to: whether somebody comes meanwhile. */
  readonly newcomers?: Newcomers
  /** Of a device that is written to. */
  readonly fresh?: FreshReader
  /** Whether somebody else writes to it just now, as far as that can be told while it is only read. */
  writer(): OtherWriter | undefined
  /** Asked before every write, once there is a filesystem to speak of. */
  guard?: Guard
}

/** @throws refused when it is in use or cannot be written to, usage when nothing is there, io */
export async function openGated(path: string, write: boolean): Promise<GatedDisk> {
  const identity = identify(statOrSay(path))
  refuseUses(findUses(identity), path, write)
  const disk = { identity, sectorSize: sectorSizeOf(identity) }
  if (write) return { ...disk, ...(await openForWriting(path, identity)), writer: () => undefined }
  const store = await openSame(path, identity, false)
  try {
    const inside = await diskInside(store, path, identity)
    return { ...disk, store: inside, writer: () => findHolder(store.descriptor, path, identity) }
  } catch (error) {
    await store.close()
    throw error
  }
}

/**
 * Opens for writing an image of QEMU's that nobody else knows of, in a folder of our own: an overlay over
 * one that is not written to (packed-copy/).
 */
export async function openOverlay(path: string): Promise<GatedDisk> {
  const identity = identify(statOrSay(path))
  return { identity, sectorSize: undefined, store: await serveImage(path, 'qcow2', true), writer: () => undefined }
}

async function diskInside(file: FileStore, path: string, identity: Identity): Promise<Store> {
  const format = identity.kind === 'file' ? (await recogniseContainer(file, 'outer'))?.qemu : undefined
  if (format === undefined || !canServe()) return file
  const whole = resolve(path)
  await usableImage(whole, format)
  return new ReleasingStore(await serveImage(whole, format, false), () => file.close())
}

async function openForWriting(
  path: string,
  identity: Identity,
): Promise<Pick<GatedDisk, 'store' | 'newcomers' | 'fresh'>> {
  if (isReadOnlyDevice(identity))
    throw refused(
      'read-only-device',
      `${shellWord(path)} is a read-only block device.`,
      `If it may be written to: blockdev --setrw ${shellWord(path)}`,
    )
  if (identity.kind === 'file') {
    const peek = await openSame(path, identity, false)
    const writer = findWriter(peek.descriptor, identity)
    await peek.close()
    if (writer) throw writerError(writer, path)
  }
  const file = await openSame(path, identity, true)
  const releases: (() => unknown)[] = []
  const release = async (): Promise<void> => {
    for (const each of releases) await each()
  }
  try {
    const held = holdBelow(identity)
    releases.push(held.release)
    if (held.writer) throw writerError(held.writer, held.path, path)
    const writer = identity.kind === 'file' ? lockForWriting(file.descriptor, identity) : findDeviceWriter(identity)
    if (writer) throw writerError(writer, path)
    // What this machine still had to write to a file behind the device is nobody's later.
    if (held.files.length > 0) await file.flush()
    const target = identity.kind === 'file' ? { fd: file.descriptor, identity } : undefined
    const newcomers = new Newcomers(identity, target, held.files)
    releases.push(() => newcomers.close())
    refuseUses(findUses(identity), path, true)
    const fresh =
      identity.kind === 'block' ? await FreshReader.open(`/proc/self/fd/${file.descriptor}`, path) : undefined
    if (fresh) releases.push(() => fresh.close())
    return { store: new ReleasingStore(file, release), newcomers, ...(fresh && { fresh }) }
  } catch (error) {
    await file.close()
    await release()
    throw error
  }
}

/** Opens what the identity says, or nothing. */
async function openSame(path: string, identity: Identity, writable: boolean): Promise<FileStore> {
  const file = await FileStore.open(path, { writable })
  const { blockDevice, device, inode } = file.identity
  const same =
    identity.kind === 'file'
      ? !blockDevice && device === identity.device && inode === identity.inode
      : blockDevice && deviceNumber(device) === identity.device
  if (same) return file
  await file.close()
  throw refused('changed', `${shellWord(path)} was exchanged for something else while it was opened.`, 'Try again.')
}

/** Programs may write to a device without asking for it exclusively: virtual machines do, and dd. */
function findDeviceWriter(identity: Identity & { kind: 'block' }): OtherWriter | undefined {
  for (const { device, as, beside } of relatedDevices(identity)) {
    if (beside || (as !== 'itself' && as !== 'partition' && as !== 'whole')) continue
    const opener = openersOf({ kind: 'block', device }).find(({ writes }) => writes)
    if (opener) return { as: 'writer', opener }
  }
  return undefined
}

function statOrSay(path: string): BigIntStats {
  let stats: BigIntStats | undefined
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES')
      throw ioError(`${shellWord(path)} may not be looked at by this user.`, cause)
  }
  if (!stats) throw usageError('no-such-target', `There is no ${shellWord(path)}.`, 'Check the name of the image.')
  if (!stats.isFile() && !stats.isBlockDevice()) {
    throw usageError(
      'not-an-image',
      `${shellWord(path)} is neither a file nor a block device.`,
      'Name an image file or a block device.',
    )
  }
  return stats
}
