/** Counts what a boot asks of the disk of the root, from a recorder's first moment to the boot's last. */
import { diskstatsVariable } from '../collect/setup/unit.js'
import { useOfBoot } from './disk-counters.js'
import type { DiskUse } from './figures.js'
import { rootCounters } from './note-boot.js'

export class BootMeter {
  private readonly before: DiskUse | undefined
  private readonly loaded = rootCounters()
  private end: DiskUse | undefined

  constructor(handedOn = process.env[diskstatsVariable]) {
    this.before = handedOn === undefined ? undefined : rootCounters(handedOn)
  }

  /** The boot is over. */
  readonly over = (): void => {
    this.end = rootCounters()
  }

  /** @returns undefined where the root is on no device that is counted */
  get use(): DiskUse | undefined {
    return this.loaded && this.end && useOfBoot(this.before, this.loaded, this.end)
  }
}
