/** What the page's script gets: the part of the report that is drawn or sorted in the browser. */

export interface PageLayout {
  /** 'now', 'before', 'predicted' or 'after'. */
  readonly name: string
  readonly blockSize: number
  readonly blockCount: number
  /** Marks, deflated and in base64; see mark-columns.ts. */
  readonly marks: string
  /** Where the plan puts the boot: pairs of first block and length. */
  readonly runs: readonly (readonly [start: number, length: number])[]
}

/** A table by columns: all lists have the same length. */
export interface MovedColumns {
  readonly name: readonly string[]
  readonly what: readonly string[]
  readonly why: readonly string[]
  readonly bytes: readonly number[]
  readonly piecesBefore: readonly number[]
  readonly piecesAfter: readonly number[]
  readonly from: readonly number[]
  readonly to: readonly number[]
}

export interface PageData {
  readonly layouts: readonly PageLayout[]
  /** Whether the trace says when things were read. */
  readonly timed: boolean
  /** As they may be shown: control characters escaped. */
  readonly files: readonly string[]
  readonly moved: MovedColumns
}
