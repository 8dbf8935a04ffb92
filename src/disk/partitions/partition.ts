/** What a partition table says, whatever its format. */
export interface Partition {
  /** As the kernel numbers it: sda1 is 1; logical partitions of an MBR begin at 5. */
  readonly number: number
  /** Bytes from the start of the disk. */
  readonly start: number
  /** Bytes. */
  readonly size: number
  /** '0x83' in an MBR, an upper-case GUID in a GPT. */
  readonly type: string
  /** The type in words, as far as it is a common one. */
  readonly typeName: string | undefined
  /** The name a GPT gives it; empty in an MBR. */
  readonly name: string
}

export interface PartitionTable {
  readonly scheme: 'mbr' | 'gpt'
  /** Bytes of the sectors the table counts in. */
  readonly sectorSize: number
  readonly partitions: readonly Partition[]
  /** What is wrong with the table though it could be read, a sentence each. */
  readonly warnings: readonly string[]
}

/** Sector sizes disks have; images do not say which. */
export const sectorSizes: readonly number[] = [512, 4096]
