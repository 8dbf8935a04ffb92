/**
 * Packing into a new image: what is worked on is a copy (of a raw image) or an overlay (over
 * one of QEMU's formats) in a folder of its own beside the new image, which is put in its
 * place whole or not at all. The original is only read, and looked at again before that.
 * However this ends, by kill -9 too, nothing is left but the original.
 */
import { lstatSync, statSync, type BigIntStats } from 'node:fs'
import { chmod, link, open } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { noSpace, refused, unsupported, usageError } from '../errors.js'
import { containerError, recogniseContainer } from '../disk/containers/recognise.js'
import { refuseUses } from '../ext4/ownership/preconditions.js'
import { syncFolder } from '../files/atomic-file.js'
import { identify } from '../host/block-devices.js'
import { findUses } from '../host/is-mounted.js'
import { convertOverlay, makeOverlay, mannerOf } from '../qemu/image-copy.js'
import { usableImage, type ImageInfo } from '../qemu/image-info.js'
import { ScratchFolder } from '../qemu/scratch-folder.js'
import { canServe } from '../qemu/serve-image.js'
import { FileStore } from '../storage/file-store.js'
import { shellWord } from '../text/shell-word.js'
import { resolveTarget } from '../volume/target.js'
import { copySparse } from './sparse-copy.js'

export interface CopyReport {
  readonly path: string
  /** 'raw', or what QEMU calls it. */
  readonly format: string
  /** What of the original it has or has not: full sentences. */
  readonly notes: readonly string[]
}

/** A step begins; what is given back is told how much of how much of it is done. */
type OnStep = (step: string) => (done: number, total: number) => void

/** Endings that say a format, and QEMU's name of it. */
const endings: Readonly<Record<string, string>> = {
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
  '.vhdx': 'vhdx',
  '.vdi': 'vdi',
  '.vhd': 'vpc',
  '.raw': 'raw',
  '.img': 'raw',
}

/** Of those QEMU reads, what it does not write. */
const unwritable: ReadonlySet<string> = new Set(['dmg'])

export class PackedCopy {
  private readonly scratch: ScratchFolder
  private readonly source: string
  private readonly to: string
  private readonly before: BigIntStats
  private readonly info: ImageInfo | undefined
  /** What to open and to write to. */
  readonly work: string

  private constructor(
    scratch: ScratchFolder,
    source: string,
    to: string,
    before: BigIntStats,
    info: ImageInfo | undefined,
    work: string,
  ) {
    this.scratch = scratch
    this.source = source
    this.to = to
    this.before = before
    this.info = info
    this.work = work
  }

  /** Whether what is worked on is an overlay of QEMU's. */
  get overlay(): boolean {
    return this.info !== undefined
  }

  /**
   * @throws usage when the new image cannot be there, refused when the original is in use, unsupported, io
   */
  static async begin(given: string, to: string, { onStep }: { readonly onStep: OnStep }): Promise<PackedCopy> {
    const target = resolveTarget(given)
    if (target.kind === 'directory')
      throw usageError(
        'copy-of-mounted',
        `${shellWord(given)} is mounted, and what is written meanwhile would be missing in a copy.`,
        'Leave out --to to pack it where it is, or give an image.',
      )
    needNothingAt(to)
    const before = statSync(target.path, { bigint: true })
    refuseUses(findUses(identify(before)), target.path, true)
    const file = await FileStore.open(target.path)
    try {
      const container = await recogniseContainer(file, 'outer')
      const format = container?.qemu
      if (container && (format === undefined || !canServe())) throw containerError(container, given)
      if (format !== undefined && unwritable.has(format))
        throw unsupported(
          'format-not-written',
          `${shellWord(given)} is ${container!.title}, which QEMU reads and does not write.`,
          container!.advice(given),
        )
      needEnding(to, format ?? 'raw')
      const info = format === undefined ? undefined : await usableImage(target.path, format)
      const scratch = await ScratchFolder.create(dirname(resolve(to)), '.bootpack-to-')
      try {
        const work = join(scratch.path, info ? 'overlay.qcow2' : 'image')
        if (info) await makeOverlay(info, work)
        else await copySparse(file, work, onStep('Copying'))
        return new PackedCopy(scratch, target.path, to, before, info, work)
      } catch (error) {
        await scratch.remove()
        throw spaceError(error, to)
      }
    } finally {
      await file.close()
    }
  }

  /**
   * The new image, in its place. Close what was opened before.
   * @throws refused when the original changed meanwhile or something is in its place, interrupted, io
   */
  async finish({ signal, onStep }: { readonly signal: AbortSignal; readonly onStep: OnStep }): Promise<CopyReport> {
    try {
      let made = this.work
      let notes: readonly string[] = []
      if (this.info) {
        made = join(this.scratch.path, basename(this.to).slice(0, 200))
        const manner = await mannerOf(this.info, this.to)
        notes = manner.notes
        await convertOverlay({ overlay: this.work, target: made, info: this.info }, manner, signal, (step) => {
          const update = onStep(step)
          return (share) => update(Math.round(share * 1000), 1000)
        })
      }
      this.needSameOriginal()
      await chmod(made, Number(this.before.mode & 0o777n) || 0o600)
      await flush(made)
      await link(made, this.to).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? thereAlready(this.to) : error
      })
      await syncFolder(dirname(resolve(this.to)))
      return { path: this.to, format: this.info?.format ?? 'raw', notes }
    } catch (error) {
      throw spaceError(error, this.to)
    } finally {
      await this.discard()
    }
  }

  /** Takes everything away that there is but the original and, when it is finished, the new image. */
  async discard(): Promise<void> {
    await this.scratch.remove()
  }

  private needSameOriginal(): void {
    const now = statSync(this.source, { bigint: true, throwIfNoEntry: false })
    const { before } = this
    if (
      now &&
      now.ino === before.ino &&
      now.dev === before.dev &&
      now.size === before.size &&
      now.mtimeNs === before.mtimeNs
    )
      return
    throw refused(
      'changed',
      `${shellWord(this.source)} was written to meanwhile; the new image was not kept.`,
      'Wait until that is done, and try again.',
    )
  }
}

function needNothingAt(to: string): void {
  if (lstatSync(to, { throwIfNoEntry: false })) throw thereAlready(to)
  const folder = dirname(resolve(to))
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw usageError('no-folder', `There is no folder ${shellWord(folder)} for ${shellWord(to)}.`, 'Make it first.')
}

const thereAlready = (to: string): Error =>
  usageError('there-already', `There is something at ${shellWord(to)} already.`, 'Name a file that is not there yet.')

/** A file whose name says one format and that holds another misleads everybody after us. */
function needEnding(to: string, format: string): void {
  const said = endings[extname(to).toLowerCase()]
  if (said === undefined || said === format) return
  throw usageError(
    'other-format',
    `The new image has the format of the original, ${format}, and ${shellWord(to)} is named like ${said}.`,
    'Name it otherwise; qemu-img convert makes another format of it afterwards.',
  )
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function spaceError(error: unknown, to: string): unknown {
  const { code, cause } = error as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }
  if (code !== 'ENOSPC' && cause?.code !== 'ENOSPC') return error
  return noSpace(
    'no-room-for-copy',
    `There is no room for ${shellWord(to)} and what is needed to make it.`,
    `Make room in ${shellWord(dirname(resolve(to)))}, or name a file on another disk.`,
  )
}
