/** What a boot costs on a layout, before any disk model: the same fields in JSON, in plans and in tables. */
export interface LayoutMeasure {
  /** Device reads, after neighbours in time and place were merged. */
  readonly requests: number
  /** Requests that do not start where the last one ended. */
  readonly seeks: number
  /** Sum of the jumps, in blocks. */
  readonly seekDistanceBlocks: number
  readonly readBlocks: number
  /** From the first to the last block read, inclusive. */
  readonly spanBlocks: number
  readonly blockSize: number
  /** Distinct files read. */
  readonly files: number
  /** Files the trace names and the volume does not have. */
  readonly missing: number
  /** Blocks of the inode tables that hold the inodes read; only where reading inodes is part of the measure. */
  readonly inodeTableBlocks?: number
  /** Modelled positioning and transfer time per disk model, milliseconds. */
  readonly modelMs: Readonly<Record<string, number>>
}
