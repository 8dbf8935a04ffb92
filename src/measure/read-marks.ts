/**
 * The boot as a picture wants it: every piece the disk is asked for, in read order,
 * with whose it is. The same sequence as deviceReads, cut where the owner changes.
 */
import { RunSet } from '../layout/run-set.js'
import type { DiskLayout } from '../layout/file-layout.js'
import type { BlockRun } from '../layout/run.js'
import type { BootRead } from './boot-read.js'
import { physicalRuns } from './device-reads.js'

export interface ReadMark extends BlockRun {
  /** Microseconds since the trace began. */
  readonly t?: number
  readonly kind: BootRead['kind']
  /** 0 for device. */
  readonly inode: number
  /** First block, counted as in BootRead. */
  readonly block: number
  /** Blocks the disk was asked for before this. */
  readonly at: number
}

/** Reads closer in time than this are one, where they continue each other: microseconds. */
const sameMoment = 1000

export function readMarks(reads: readonly BootRead[], layout: DiskLayout): ReadMark[] {
  const cached = new RunSet()
  const marks: ReadMark[] = []
  let at = 0
  for (const { t, kind, inode, block, length } of reads) {
    for (const piece of physicalRuns({ kind, inode, block, length }, layout)) {
      for (const cold of [...cached.missingFrom(piece)]) {
        cached.add(cold)
        const mark: ReadMark = {
          ...cold,
          ...(t !== undefined && { t }),
          kind,
          inode,
          block: piece.block + (cold.start - piece.start),
          at,
        }
        const last = marks.at(-1)
        if (last && continuesMark(last, mark)) marks[marks.length - 1] = { ...last, length: last.length + mark.length }
        else marks.push(mark)
        at += cold.length
      }
    }
  }
  return marks
}

const continuesMark = (last: ReadMark, next: ReadMark): boolean =>
  last.inode === next.inode &&
  last.kind === next.kind &&
  last.start + last.length === next.start &&
  last.block + last.length === next.block &&
  (next.t ?? 0) - (last.t ?? 0) <= sameMoment

/** One jump of the head: from the end of one piece to the start of the next. */
export interface Jump {
  /** Blocks, at least 1. */
  readonly distance: number
  /** Whether either end is what never moves: inode tables, bitmaps and the like. */
  readonly fixed: boolean
}

const isFixed = ({ kind }: ReadMark): boolean => kind === 'device' || kind === 'inode'

/** In read order; as many as measureLayout counts seeks. */
export function jumpsOf(marks: readonly ReadMark[]): Jump[] {
  const jumps: Jump[] = []
  for (let i = 1; i < marks.length; i++) {
    const last = marks[i - 1]!
    const next = marks[i]!
    const distance = Math.abs(next.start - (last.start + last.length))
    if (distance > 0) jumps.push({ distance, fixed: isFixed(last) || isFixed(next) })
  }
  return jumps
}
