/**
 * Where an image's bytes are. A table of operations, so that a partition, a
 * recording layer for crash tests or an undo layer can stand on top of a file.
 */
export interface Store {
  /** Bytes. */
  readonly size: number
  readonly writable: boolean
  /**
   * Fills `buffer` from byte `offset`.
   * @throws io when the bytes cannot be read or the store ends before
   */
  read(offset: number, buffer: Uint8Array): Promise<void>
  write(offset: number, buffer: Uint8Array): Promise<void>
  /** Returns when everything written before is on stable storage. */
  flush(): Promise<void>
  close(): Promise<void>
}
