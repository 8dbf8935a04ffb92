/**
 * What a database has to answer so that a fleet can be merged: questions whose
 * answers are small however many boots there are. All that decides is in TypeScript
 * (bootpack's merge), so that every engine comes to the same profile.
 */
import type { Reader } from 'bootpack/trace'
import type { TraceRead } from 'bootpack/types'
import type { BootRow } from '../schema/boot.js'

export interface Selection {
  readonly image: string
  /** Boots recorded on this day or later: YYYY-MM-DD. */
  readonly since?: string
}

/** A distinct read, and where it is first seen. */
export interface ShapeRow {
  readonly read: TraceRead
  readonly shape: bigint
  /** Place of the boot in the order given to {@link FleetEngine.shapes}. */
  readonly boot: number
  readonly seq: number
}

/** Which segments a shape covers, [first, end). */
export interface Cover {
  readonly shape: bigint
  readonly first: number
  readonly end: number
}

export interface FleetEngine {
  /** For messages: 'DuckDB 1.5.6'. */
  readonly name: string
  /** The boots of an image, each once. */
  boots(selection: Selection): Promise<BootRow[]>
  /** Distinct reads of these boots, in no order. */
  shapes(boots: readonly BootRow[]): Promise<ShapeRow[]>
  /** Says which segments each shape covers; what follows is about these. */
  cover(covers: readonly Cover[]): Promise<void>
  /** Segments at least `least` boots read, and how many do. */
  support(least: number): Promise<Map<number, number>>
  /** Per segment, the median over boots of its place among the kept segments of a boot. */
  ranks(kept: readonly number[]): Promise<Map<number, number>>
  /** Who reads a segment first, in how many boots; the same reader may come several times. */
  readers(kept: readonly number[]): Promise<ReadonlyMap<number, readonly (readonly [Reader, number])[]>>
  /** Median over boots of when a segment was first read, where they tell. */
  times(segments: readonly number[]): Promise<Map<number, number>>
  close(): Promise<void>
}
