import { blkparse } from './blkparse.js'
import { blockReads } from './block-reads.js'
import { e4rat } from './e4rat.js'
import { fanotify } from './fanotify.js'
import { fatrace } from './fatrace.js'
import { fincore } from './fincore.js'
import { list } from './list.js'
import { native } from './native.js'
import { strace } from './strace.js'
import { table } from './table.js'
import { tracefs } from './tracefs.js'
import { ureadahead } from './ureadahead.js'
import type { FormatName, TraceFormat } from './format.js'

/** In the order in which a line is offered to them: the more particular first. */
export const allFormats: readonly TraceFormat[] = [
  native,
  fincore,
  table,
  fanotify,
  blockReads,
  blkparse,
  tracefs,
  fatrace,
  strace,
  ureadahead,
  e4rat,
  list,
]

export const formatNamed = (name: FormatName): TraceFormat => allFormats.find((format) => format.name === name)!
