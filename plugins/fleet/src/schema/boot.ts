import { createHash, createHmac } from 'node:crypto'
import type { Trace } from 'bootpack'
import type { TraceHeader, TraceRead } from 'bootpack/types'
import { shapeKey } from './shape.js'

/** A row of the table of boots. */
export interface BootRow {
  readonly boot_id: string
  readonly image: string
  readonly day: string
  readonly machine_id: string | null
  readonly filesystem: string | null
  readonly kernel: string | null
  readonly root: string | null
  readonly source: string
  readonly recorded: string | null
  readonly lost: number
  readonly bad: number
  readonly place: number
  readonly reads: number
  readonly duration: number | null
  readonly header: string
}

export interface BootFacts {
  readonly image: string
  /** Already hashed; see {@link machineHash}. */
  readonly machine?: string | undefined
  /** Place among those added together, from 0. */
  readonly place: number
  /** The day when the trace does not tell: YYYY-MM-DD. */
  readonly today: string
}

export function bootRow(trace: Trace, { image, machine, place, today }: BootFacts): BootRow {
  // Who the machine is goes into its hash and nowhere else.
  const { machine: _, ...header } = trace.header
  const { reads, bad } = trace
  const told = (field: string): string | null => {
    const value = header[field]
    return typeof value === 'string' ? value : null
  }
  const times = reads.flatMap(({ t }) => (t === undefined ? [] : [t]))
  return {
    boot_id: bootId(image, header, reads),
    image,
    day: dayOf(header.recorded) ?? today,
    machine_id: machine ?? null,
    filesystem: told('resolved'),
    kernel: told('kernel'),
    root: told('root'),
    source: header.source,
    recorded: told('recorded'),
    lost: header.lost ?? 0,
    bad: bad.count,
    place,
    reads: reads.length,
    duration: times.length === 0 ? null : times.reduce((latest, t) => Math.max(latest, t), 0),
    header: JSON.stringify(header),
  }
}

/** The same for the same trace of the same image, whoever adds it and when, so that adding twice counts once. */
function bootId(image: string, header: Omit<TraceHeader, 'machine'>, reads: readonly TraceRead[]): string {
  const hash = createHash('sha256').update(JSON.stringify([image, header]))
  for (const read of reads) hash.update(`${read.t ?? ''}\0${shapeKey(read)}\n`, 'utf16le')
  return hash.digest('hex').slice(0, 32)
}

function dayOf(recorded: string | undefined): string | undefined {
  const time = recorded === undefined ? NaN : Date.parse(recorded)
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().slice(0, 10)
}

/** Who a machine is, for those who have the key only: 32 hexadecimal digits. */
export const machineHash = (name: string, key: Buffer): string =>
  createHmac('sha256', key).update(name).digest('hex').slice(0, 32)

/** Boots in the order that merging goes by: as recorded, those without a time last; the same wherever they are kept. */
export const bootOrder = (a: BootRow, b: BootRow): number =>
  order(a.recorded ?? '\uffff', b.recorded ?? '\uffff') || order(a.boot_id, b.boot_id)

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
