/**
 * An image behind the timing of a disk. Reads come from the image as soon as they
 * are asked for, so that the host's own disk works while the simulated one moves its
 * head, and are answered when both are done. Writes go to memory.
 */
import type { NbdExport } from '../nbd/export.js'
import type { Alarm } from './alarm.js'
import { milliseconds } from './clock.js'
import type { DiskModel, DiskRequest } from './disk-model.js'
import { DiskQueue } from './disk-queue.js'
import { Overlay } from './overlay.js'
import type { RequestLog } from './request-log.js'

export interface SimulatedDiskOptions {
  readonly model: DiskModel
  /** Multiplies every delay; 0 for none at all. */
  readonly scale: number
  /** Bytes of memory for what the guest writes. */
  readonly writeLimit: number
}

/** The image. */
export interface ImageBytes {
  readonly size: number
  read(offset: number, buffer: Uint8Array): Promise<void>
}

export class SimulatedDisk implements NbdExport {
  readonly size: number
  /** Writes that found no more memory. */
  refusedWrites = 0
  private readonly overlay: Overlay
  private readonly queue: DiskQueue<() => void>

  private readonly image: ImageBytes

  constructor(image: ImageBytes, alarm: Alarm, log: RequestLog, { model, scale, writeLimit }: SimulatedDiskOptions) {
    this.image = image
    // Disks are whole sectors.
    this.size = Math.floor(image.size / 512) * 512
    this.overlay = new Overlay((offset, buffer) => this.readPage(offset, buffer), writeLimit)
    this.queue = new DiskQueue(model, scale, (served, request, service) => {
      log.add(request, service)
      alarm.at(service.due, () => {
        this.queue.done(service)
        served()
      })
    })
  }

  async read(offset: number, buffer: Buffer): Promise<void> {
    await Promise.all([
      this.image.read(offset, buffer).then(() => this.overlay.cover(offset, buffer)),
      this.serve({ offset, length: buffer.length, write: false }),
    ])
  }

  /** @returns false when there is no more memory for it */
  async write(offset: number, data: Buffer): Promise<boolean> {
    const [written] = await Promise.all([
      this.overlay.write(offset, data),
      this.serve({ offset, length: data.length, write: true }),
    ])
    if (!written) this.refusedWrites++
    return written
  }

  private serve(request: DiskRequest): Promise<void> {
    return new Promise((resolve) => this.queue.add(request, resolve, milliseconds()))
  }

  /** Of a page that reaches over the end of the image, the rest is zero. */
  private async readPage(offset: number, buffer: Buffer): Promise<void> {
    const length = Math.min(buffer.length, this.image.size - offset)
    buffer.fill(0, length)
    await this.image.read(offset, buffer.subarray(0, length))
  }
}
