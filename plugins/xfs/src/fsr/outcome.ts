/** What became of one file. */
export type FileStatus =
  | 'improved' // the new layout was read back
  | 'unchanged' // nothing better is possible, or was to be had
  | 'would-try' // a dry run got this far
  | 'skipped' // must or should be left alone; the reason says why
  | 'failed' // was begun and could not be finished; the file is as it was

export type ReasonCode =
  | 'not-regular'
  | 'empty'
  | 'mandatory-lock'
  | 'no-room'
  | 'not-reached'
  | 'immutable'
  | 'append-only'
  | 'no-defrag'
  | 'realtime'
  | 'shared'
  | 'mapped'
  | 'executing'
  | 'gone'
  | 'already-best'
  | 'no-improvement'
  | 'modified'
  | 'busy'
  | 'not-accepted'
  | 'error'

export interface FileOutcome {
  readonly inode: number
  /** As the user named it; undefined when a pass came upon it. */
  readonly path?: string
  readonly status: FileStatus
  readonly code?: ReasonCode
  /** A sentence, for people. */
  readonly reason?: string
  /** Extents up to the end of the file, holes not counted. */
  readonly before?: number
  readonly after?: number
  /** The fewest these contents can have. */
  readonly best?: number
  /** With --near: mean distance of its blocks from the goal, in blocks. */
  readonly distance?: { readonly before: number; readonly after: number }
}

/** Thrown inside a file's turn, to end it with a reason. */
export class Leave extends Error {
  readonly status: FileStatus
  readonly code: ReasonCode
  readonly reason: string

  constructor(status: FileStatus, code: ReasonCode, reason: string) {
    super(reason)
    this.status = status
    this.code = code
    this.reason = reason
  }
}
