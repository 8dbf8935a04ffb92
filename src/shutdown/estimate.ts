/**
 * How long it will take, from what was measured on this machine: the planning that was
 * done when the order was given, the environment that was tried, and how fast this
 * processor runs our code. What the disk takes, a disk model says.
 */
import { crc32c } from '../bytes/crc32c.js'

/** Seconds one block takes besides the disk, on a machine that takes `referencePass` for a pass. Measured (docs/shutdown.md). */
const perBlock = 28e-6
/** Seconds a pass takes there. */
const referencePass = 0.0025
const passBytes = 4 << 20
/** Seconds to unmount, mount, look again and write down. */
const around = 5

export interface Measured {
  /** Seconds of planning. */
  readonly planning: number
  /** Seconds it took to put the environment together and start it. */
  readonly environment: number
  /** Blocks to be moved. */
  readonly blocks: number
  /** Seconds of the disk for that. */
  readonly disk: number
  /** Seconds this machine takes for a pass. */
  readonly pass: number
}

/** @returns seconds */
export const estimateSeconds = ({ planning, environment, blocks, disk, pass }: Measured): number =>
  Math.ceil(
    around * Math.max(1, pass / referencePass / 4) +
      environment +
      planning * 1.3 +
      disk +
      blocks * perBlock * (pass / referencePass),
  )

/** Seconds for a checksum over four megabytes: the best of three, for the first is compiled on the way. */
export function measurePass(): number {
  const bytes = new Uint8Array(passBytes).fill(0x5a)
  const times = [1, 2, 3].map(() => {
    const began = performance.now()
    crc32c(~0, bytes)
    return (performance.now() - began) / 1000
  })
  return Math.min(...times)
}
