/** What a server offers its clients: bytes that can be read and written at any place. */
export interface NbdExport {
  /** Bytes. */
  readonly size: number
  /** Fills the buffer from byte `offset`. Both lie within the size. */
  read(offset: number, buffer: Buffer): Promise<void>
  /** @returns false when there is no room for it */
  write(offset: number, data: Buffer): Promise<boolean>
}
