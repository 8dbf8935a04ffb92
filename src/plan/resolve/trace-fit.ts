/**
 * Whether a trace is of the filesystem it is used on.
 *
 * Every figure is taken from what the trace and the disk agree on, and where they hardly
 * agree a figure would be a claim about nothing: a trace of another machine reads no file
 * here, and costs no time. Three signs tell, and none is looked at alone:
 *
 * - The trace says which filesystem its numbers are from (`resolved`). On another one only
 *   its names mean anything, and numbers and places are left out. That alone is no error:
 *   an image built anew from the same files has a new UUID.
 * - More files are missing than are there. Some always are: files a boot makes, and files
 *   that upgrades replaced. Kernel and memory filesystems are not counted, for they never
 *   were on this one.
 * - Blocks of the disk that a recording names are free, or lie beyond the end: it was made
 *   on another layout. On its own, a boot reads hardly a free block; once directories have
 *   been packed, all those it read are free. (Measured on the aged image of
 *   docs/benchmarks.md: 28 of 261 on its own layout, 231 of 231 once packed; where a
 *   recording has blocks only, 1 of 18,073 against 12,441.)
 */
import { usageError, type BootpackError } from '../../errors.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'
import type { Trace, TraceRead } from '../../trace/model/trace.js'
import type { BootSet } from './boot-set.js'

/** The reads of a trace that mean something on a filesystem. */
export interface FittingReads {
  readonly reads: readonly TraceRead[]
  /** The filesystem the trace is of, when it says that it is another one. */
  readonly foreign?: string
  /** Reads that only had a number or a place on that one. */
  readonly leftOut: number
}

/** @param uuid of the filesystem it is to be used on */
export function fittingReads({ header, reads }: Trace, uuid: string): FittingReads {
  const { resolved } = header
  if (typeof resolved !== 'string' || resolved === uuid) return { reads, leftOut: 0 }
  const named = reads.flatMap((read) => {
    if (read.path === undefined) return []
    const { ino: _ino, ...rest } = read
    return [rest as TraceRead]
  })
  return { reads: named, foreign: resolved, leftOut: reads.length - named.length }
}

/** Below these names a machine has filesystems of the kernel and of its memory. */
const elsewhere = /^\/(proc|sys|dev|run|tmp)(\/|$)/

/** Fewer blocks prove nothing. */
const leastBlocks = 32

/** Share of free blocks among those of a recording that has nothing but blocks. */
const mostFree = 0.1

const orGoOn = 'Or go on all the same with --any-trace.'

export interface FitOptions {
  /** The filesystem the trace is of, when it says that it is another one. */
  readonly foreign?: string | undefined
  /** Use it although it does not fit, with what of it is there. */
  readonly anyTrace?: boolean | undefined
}

/**
 * @throws usage when nothing of the trace is there; and, unless any will do, when most of its files are
 *   missing or it names blocks of another layout
 */
export function refuseMisfit(boot: BootSet, { foreign, anyTrace = false }: FitOptions): void {
  const { files, missing, blocks, reads } = boot
  if (reads.length === 0) throw nothingThere(boot, foreign)
  if (anyTrace) return
  const gone = missing.filter(({ path }) => path === undefined || !elsewhere.test(path)).length
  if (gone > files.length) {
    const whose = foreign === undefined ? '' : `, and it was recorded on another one (${foreign})`
    throw usageError(
      'trace-mostly-missing',
      `${count(gone)} of the ${counted(gone + files.length, 'file')} the trace reads are not on this filesystem${whose}.`,
      `Check that the trace belongs to this target: a figure would tell of what is left of it. ${orGoOn}`,
    )
  }
  if (blocks.nowhere >= leastBlocks && blocks.nowhere > (blocks.besidesFiles ? 1 : mostFree) * blocks.held) {
    throw usageError(
      'trace-of-another-layout',
      `The recording names ${counted(blocks.nowhere, 'block')} of the disk that hold nothing here: it was made on another layout.`,
      `Import it onto a copy from before this one was packed (bootpack trace import --target), or record a boot again. ${orGoOn}`,
    )
  }
}

/** What to throw when none of the files is there. */
export const nothingThere = ({ missing }: Pick<BootSet, 'missing'>, foreign?: string): BootpackError =>
  usageError(
    'empty-boot-set',
    foreign !== undefined && missing.length === 0
      ? `The trace was recorded on another filesystem (${foreign}), and has only its numbers: nothing of it can be found here.`
      : `None of the trace's files is on this filesystem (${count(missing.length)} are missing).`,
    'Check that the trace belongs to this target.',
  )
