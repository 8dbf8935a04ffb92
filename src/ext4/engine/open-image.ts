/**
 * From a path to a Volume: is somebody else at it, what kind of disk is it, which
 * partition, is that ext4, is it at rest. Each step has a file of its own; here is
 * their order. Nothing is written on the way, and every refusal leaves the image as
 * it was.
 */
import { extname } from 'node:path'
import { BootpackError, unsupported, usageError } from '../../errors.js'
import { claim, type Claim, type EngineProvider, type OpenOptions } from '../../volume/open-volume.js'
import type { Target } from '../../volume/target.js'
import type { Volume } from '../../volume/volume.js'
import { partitionDevice } from '../../disk/containers/convert-command.js'
import { shellWord } from '../../text/shell-word.js'
import { peekExt } from '../../disk/containers/peek-ext.js'
import {
  containerError,
  fixedVhdSize,
  insidePartition,
  notAFilesystem,
  recogniseContainer,
} from '../../disk/containers/recognise.js'
import type { ContainerFormat } from '../../disk/containers/formats.js'
import { canServe } from '../../qemu/serve-image.js'
import { FileStore } from '../../storage/file-store.js'
import { Filesystem } from '../read/filesystem.js'
import { MultiMount } from './multi-mount.js'
import { openGated, openOverlay, type GatedDisk } from './open-exclusive.js'
import { refuseState, writerError, type FilesystemName } from '../ownership/preconditions.js'
import { ImageVolume, type Watch } from './image-volume.js'
import { Guard } from './guard.js'
import { SuperblockWitness, type ReadFresh } from '../commit/superblock-witness.js'
import type { Superblock } from '../format/superblock.js'
import { GuardedStore } from '../../storage/guarded-store.js'
import { identify, statOf } from '../../host/block-devices.js'
import { findUses } from '../../host/is-mounted.js'
import {
  choosePartition,
  partitionList,
  surveyPartitions,
  type SurveyedPartition,
} from '../../disk/partitions/choice.js'
import { readMbr } from '../../disk/partitions/mbr.js'
import { PartitionStore } from '../../storage/partition-store.js'
import { readPartitionTable } from '../../disk/partitions/table.js'
import type { Store } from '../../storage/store.js'
import { UndoStore } from '../undo/recording-store.js'

export interface OpenImageOptions {
  /** Whether blocks are to be moved; more is refused then, see gate.ts. */
  readonly write: boolean
  /** Number of the partition; 0 for the whole disk as one filesystem. Without it, the only one with ext4. */
  readonly partition?: number
  /** Keep what is overwritten in this new file, for e2undo. */
  readonly undoFile?: string
  /** It is an overlay of our own over an image of QEMU's, and written to through QEMU. */
  readonly overlay?: boolean
  /** What messages call it, where it is a copy of something else. */
  readonly calledAs?: string
  /** Told why nothing happens for some seconds. */
  readonly onWaiting?: ((why: string) => void) | undefined
}

/**
 * Opens the ext4 filesystem in an image file or on an unmounted block device.
 *
 * @throws refused when it is in use or not at rest; unsupported when it is something
 *   else or of a kind that is not handled, with the command that helps; usage when the
 *   partition must be named; corrupt; io
 */
export async function openImage(place: string, options: OpenImageOptions): Promise<Volume> {
  const disk = options.overlay ? await openOverlay(place) : await openGated(place, options.write)
  const path = options.calledAs ?? place
  const asked = new GuardedStore(disk.store, () => disk.guard?.glance())
  try {
    const found = await findFilesystem(asked, path, { partition: options.partition, sectorSize: disk.sectorSize })
    const filesystem = await Filesystem.open(found.store)
    const multiMount = await lookAtOtherMachines(disk, path, found, filesystem.superblock, options)
    refuseBusy(filesystem.superblock, disk, found.name)
    refuseState(filesystem.superblock, found.name, options.write)
    if (options.undoFile === undefined)
      return await ImageVolume.open(
        filesystem,
        found.partition,
        await watchOver(disk, path, found, filesystem, multiMount),
      )
    if (!options.write)
      throw usageError(
        'undo-file-unused',
        'An undo file is of use only where something is written.',
        'Leave out --undo-file.',
      )
    const undoable = await UndoStore.create(found.store, options.undoFile, startOf(found.store))
    try {
      const recorded = await Filesystem.open(undoable)
      const watch = await watchOver(disk, path, found, recorded, multiMount, options.undoFile)
      return await ImageVolume.open(recorded, found.partition, watch)
    } catch (error) {
      // Closes what is below, too, and takes the empty undo file away.
      await undoable.close()
      throw error
    }
  } catch (error) {
    await asked.close()
    throw error
  }
}

/** Bytes of the disk in front of a filesystem. */
const startOf = (store: Store): number => (store instanceof PartitionStore ? store.start : 0)

/** A journal that waits may be that of a bootpack at work, to which e2fsck is the wrong answer. */
function refuseBusy({ features }: Superblock, disk: GatedDisk, name: FilesystemName): void {
  if (!features.names.has('needs_recovery')) return
  const writer = disk.writer()
  if (writer) throw writerError(writer, name.title)
}

/** Reads of the filesystem what is on the device now. */
function freshOf({ fresh }: GatedDisk, store: Store): ReadFresh | undefined {
  const start = startOf(store)
  return fresh && ((offset, length) => fresh.read(start + offset, length))
}

/** @throws refused when another machine uses it */
function lookAtOtherMachines(
  disk: GatedDisk,
  path: string,
  { store, name }: FilesystemPlace,
  superblock: Superblock,
  { onWaiting }: OpenImageOptions,
): Promise<MultiMount | undefined> {
  // Not through what asks before every write: the claim is given back when nothing else may be written any more.
  const unasked = new PartitionStore(disk.store, startOf(store), store.size)
  return MultiMount.open({ superblock, store: unasked, readFresh: freshOf(disk, store), name, path, onWaiting })
}

/** @returns undefined for a filesystem that is only read */
async function watchOver(
  disk: GatedDisk,
  path: string,
  { store, name }: FilesystemPlace,
  filesystem: Filesystem,
  otherMachines: MultiMount | undefined,
  undoFile?: string,
): Promise<Watch | undefined> {
  const { newcomers } = disk
  if (!newcomers) return undefined
  const witness = new SuperblockWitness(filesystem.store, freshOf(disk, store))
  await witness.remember()
  const operand = shellWord(name.operand)
  const mend =
    filesystem.superblock.journalInode !== 0
      ? `Replay its journal with: e2fsck -fy ${operand}`
      : `Take back what was done with: e2undo ${shellWord(undoFile ?? '')} ${shellWord(path)}`
  const done = { blocks: 0, inodes: 0 }
  const flush = newcomers.throughAnother && (() => filesystem.store.flush())
  disk.guard = new Guard({ newcomers, witness, path, name, mend, done, otherMachines, ...(flush && { flush }) })
  return { guard: disk.guard, done }
}

export interface FilesystemPlace {
  readonly store: Store
  /** 0 when the filesystem is the whole of the disk. */
  readonly partition: number
  readonly name: FilesystemName
}

/** @throws what openImage says of containers and partitions */
export async function findFilesystem(
  disk: Store,
  path: string,
  options: { readonly partition?: number | undefined; readonly sectorSize?: number | undefined } = {},
): Promise<FilesystemPlace> {
  const vhdSize = await fixedVhdSize(disk)
  const store = vhdSize === undefined ? disk : new PartitionStore(disk, 0, vhdSize)
  const outer = await recogniseContainer(store, 'outer')
  if (outer)
    throw store.writable && outer.qemu !== undefined && canServe()
      ? notInPlace(outer, path)
      : containerError(outer, path)
  const whole: FilesystemPlace = { store, partition: 0, name: { title: shellWord(path), operand: path } }

  const partitions = options.partition === 0 ? undefined : await partitionsOf(store, options.sectorSize)
  const isExt = (await peekExt(store)) !== undefined
  if (partitions === undefined) {
    if (options.partition !== undefined && options.partition !== 0) {
      throw usageError(
        'no-partition-table',
        `${shellWord(path)} has no partition table.`,
        isExt ? 'It is one filesystem: leave out --partition.' : undefined,
      )
    }
    if (isExt) return whole
    const inner = await recogniseContainer(store, 'inner')
    throw inner ? containerError(inner, path) : notAFilesystem(store.size, path)
  }
  if (isExt && options.partition === undefined && (await opens(store))) {
    throw usageError(
      'ambiguous-image',
      `${shellWord(path)} has a partition table and also an ext4 filesystem on the whole of it.`,
      `Say which with --partition: 0 for the whole, or the number of a partition:\n${partitionList(partitions)}`,
    )
  }
  if (options.partition === undefined && !partitions.some((partition) => partition.ext)) {
    const inner = await recogniseContainer(store, 'inner')
    if (inner) throw containerError(inner, path)
  }
  const chosen = choosePartition(partitions, options.partition, path)
  const inside = new PartitionStore(store, chosen.start, Math.max(0, Math.min(chosen.size, store.size - chosen.start)))
  if (!chosen.ext) {
    const found = await recogniseContainer(inside)
    throw found ? insidePartition(found, path, chosen.number) : notAFilesystem(inside.size, path, chosen.number)
  }
  return {
    store: inside,
    partition: chosen.number,
    name: {
      title: `partition ${chosen.number} of ${shellWord(path)}`,
      operand: path.startsWith('/dev/') ? partitionDevice(path, chosen.number) : `${path}?offset=${chosen.start}`,
    },
  }
}

/** QEMU's programs are here, so there is a way without converting it first. */
function notInPlace(format: ContainerFormat, path: string): BootpackError {
  const { message } = containerError(format, path)
  const copy = `packed${extname(path)}`
  return unsupported(
    format.code,
    message,
    `It is not written to where it is. Pack it into a new image: bootpack pack ${shellWord(path)} --to ${copy} …`,
  )
}

/** @returns undefined when there is no partition table, or an empty one */
async function partitionsOf(store: Store, sectorSize: number | undefined): Promise<SurveyedPartition[] | undefined> {
  const table = await readPartitionTable(store, sectorSize)
  if (!table || table.partitions.length === 0) return undefined
  const partitions = await surveyPartitions(store, table)
  // An MBR does not say in which sectors it counts, its partitions' contents do.
  if (table.scheme === 'mbr' && sectorSize === undefined && partitions.every((partition) => partition.holds === '')) {
    const wide = await readMbr(store, 4096)
    const found = wide && (await surveyPartitions(store, wide))
    if (found?.some((partition) => partition.ext)) return found
  }
  return partitions
}

/** Whether the superblock is more than the remains of one: it can be opened, or is refused for a feature. */
async function opens(store: Store): Promise<boolean> {
  try {
    await Filesystem.open(store)
    return true
  } catch (error) {
    if (error instanceof BootpackError && error.family !== 'io') return error.code.startsWith('feature-')
    throw error
  }
}

/** The image engine, for the table of engines. */
export const imageEngine: EngineProvider = {
  name: 'ext4-image',
  opens: 'image files and unmounted block devices that hold ext4',
  claim: claimImage,
  open: (target, options: OpenOptions) => openImage(target.path, options),
}

async function claimImage(target: Target): Promise<Claim | undefined> {
  if (target.kind === 'directory') return undefined
  const stats = statOf(target.path)
  if (!stats) return undefined
  if (target.kind === 'block-device') {
    return findUses(identify(stats)).some((use) => use.as === 'mount') ? claim.possible : claim.certain
  }
  try {
    const store = await FileStore.open(target.path)
    try {
      return (await peekExt(store)) || (await recogniseContainer(store)) || (await readPartitionTable(store))
        ? claim.certain
        : claim.possible
    } finally {
      await store.close()
    }
  } catch {
    // What keeps it from being looked at will be said when it is opened.
    return claim.possible
  }
}
