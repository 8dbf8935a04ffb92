/**
 * How long a disk takes for a request. A model knows where its head is, or which
 * chunks it holds, and answers in milliseconds of simulated time; it knows nothing
 * of clocks. Parameters agree with those `bootpack measure` uses, so that a boot can
 * be compared with what was predicted for it.
 */

export interface DiskRequest {
  /** Bytes from the start of the disk. */
  readonly offset: number
  /** Bytes. */
  readonly length: number
  readonly write: boolean
}

export interface DiskModel {
  readonly name: DiskName
  /** Where the parameters come from, one line. */
  readonly source: string
  /** Requests that can be on their way at the same time; their bytes share one cable. */
  readonly lanes: number
  /** Bytes per millisecond on the cable. */
  readonly bytesPerMs: number
  /**
   * Milliseconds before the first byte flows if the request began at `now`
   * (milliseconds of simulated time). Changes nothing.
   */
  latency(request: DiskRequest, now: number): number
  /** The request begins: the state after it. */
  begin(request: DiskRequest, now: number): void
}

export const diskNames = ['hdd', 'ssd', 'sd', 'lazy'] as const
export type DiskName = (typeof diskNames)[number]

/** @param size bytes of the whole disk: the full stroke of the head */
export function diskModel(name: DiskName, size: number): DiskModel {
  switch (name) {
    case 'hdd':
      return new HardDisk(size)
    case 'ssd':
      return new Flash('ssd', 'SATA solid state: 0.1 ms for a random read, eight at a time, 500 MB/s', 8, 0.1, 500)
    case 'sd':
      return new Flash(
        'sd',
        'SD card of application class A1: at least 1500 random reads a second one after the other, 25 MB/s',
        1,
        0.66,
        25,
      )
    case 'lazy':
      return new LazyVolume()
  }
}

/**
 * One head: settling, a stroke that grows with the root of the distance, half a
 * rotation. What lies a little further on the same track needs no seek: the head
 * waits until it has come round.
 */
class HardDisk implements DiskModel {
  readonly name = 'hdd'
  readonly source = 'seek 0.5 ms + 14.5 ms x sqrt(distance / disk), 4.17 ms for half a rotation at 7200/min, 120 MB/s'
  readonly lanes = 1
  readonly bytesPerMs = 120e3
  /** Byte after the last one passed under the head. */
  private head = 0

  private readonly stroke: number

  constructor(stroke: number) {
    this.stroke = stroke
  }

  latency({ offset }: DiskRequest): number {
    const ahead = offset - this.head
    if (ahead === 0) return 0
    const seek = 0.5 + 14.5 * Math.sqrt(Math.min(1, Math.abs(ahead) / this.stroke)) + halfRotation
    const track = this.bytesPerMs * 2 * halfRotation
    return ahead > 0 && ahead < track ? Math.min(seek, ahead / this.bytesPerMs) : seek
  }

  begin({ offset, length }: DiskRequest): void {
    this.head = offset + length
  }
}

const halfRotation = 4.17

/** No head: the same price for every request, wherever it goes. */
class Flash implements DiskModel {
  readonly bytesPerMs: number

  readonly name: DiskName
  readonly source: string
  readonly lanes: number
  private readonly requestMs: number

  constructor(name: DiskName, source: string, lanes: number, requestMs: number, megabytesPerSecond: number) {
    this.name = name
    this.source = source
    this.lanes = lanes
    this.requestMs = requestMs
    this.bytesPerMs = megabytesPerSecond * 1e3
  }

  latency(): number {
    return this.requestMs
  }

  begin(): void {}
}

/**
 * A volume restored from object storage: a chunk is fetched whole when something in
 * it is read for the first time, and local from then on. Writes stay local.
 */
class LazyVolume implements DiskModel {
  readonly name = 'lazy'
  readonly source = 'chunks of 512 KiB, 20 ms to fetch one on first touch, sixteen at a time; then 0.1 ms and 500 MB/s'
  readonly lanes = 16
  readonly bytesPerMs = 500e3
  /** Chunk -> simulated time at which it is here. */
  private readonly here = new Map<number, number>()

  latency(request: DiskRequest, now: number): number {
    let wait = 0
    if (!request.write) {
      for (const chunk of chunksOf(request)) wait = Math.max(wait, (this.here.get(chunk) ?? now + fetchMs) - now)
    }
    return localMs + wait
  }

  begin(request: DiskRequest, now: number): void {
    if (request.write) return
    for (const chunk of chunksOf(request)) if (!this.here.has(chunk)) this.here.set(chunk, now + fetchMs)
  }
}

const chunkBytes = 512 * 1024
const fetchMs = 20
const localMs = 0.1

function* chunksOf({ offset, length }: DiskRequest): Generator<number> {
  const last = Math.floor((offset + length - 1) / chunkBytes)
  for (let chunk = Math.floor(offset / chunkBytes); chunk <= last; chunk++) yield chunk
}
