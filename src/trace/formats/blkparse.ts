import { Subject, type ReadCollector } from '../parse/read-collector.js'
import { placeOnPartition } from './partition.js'
import type { FormatOptions, LineParser, TraceFormat } from './format.js'

// device, cpu, sequence, seconds, pid, action, read or write, sector + sectors
const event = /^ *(\d+),(\d+) +\d+ +\d+ +(\d+)\.(\d{9}) +\d+ +([A-Z]{1,2}) +([A-Z]+)(?: +(\d+)(?: \+ (\d+))?)?(?: |$)/
/** Any other line of it: plugs, messages, and the totals at the end. */
const otherLine =
  /^(?: *\d+,\d+ +\d+ +\d+ +\d+\.\d{9} |CPU ?\d|Total|Throughput|Events|Skips|Input file|Trace |(?: (?:Reads?|Writes?|IO|Flush|PC|Timer|Allocation|Dequeue|Merge|Discard)[ :]))/

type Action = 'D' | 'Q' | 'C'

interface Request {
  readonly subject: Subject
  readonly t: number
  readonly off: number
  readonly len: number
}

/** Requests kept while none was seen being issued. */
const mostHeld = 100_000

/**
 * A request appears several times: queued, issued to the disk, completed. The issue
 * is what the disk saw. A recording may have been filtered to another action, so
 * until an issue appears the others are kept, and used if none ever does.
 */
class BlkparseParser implements LineParser {
  private readonly disks = new Map<string, Subject>()
  private readonly held: Record<'Q' | 'C', Request[]> = { Q: [], C: [] }
  private taking: Action | undefined

  private readonly out: ReadCollector
  private readonly options: FormatOptions

  constructor(out: ReadCollector, options: FormatOptions) {
    this.out = out
    this.options = options
  }

  line(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true
    const text = bytes.toString('latin1', start, Math.min(end, start + 512))
    const found = event.exec(text)
    if (!found) return otherLine.test(text)
    const [, major, minor, seconds, nanoseconds, action, operation, sector, sectors] = found
    if (action !== 'D' && action !== 'Q' && action !== 'C') return true
    if (!/^F?R/.test(operation!) || sectors === undefined || sectors === '0') {
      if (action === (this.taking ?? 'D')) this.out.drop('not-a-read')
      return true
    }
    const len = Number(sectors) * 512
    const off = Number(sector) * 512
    if (len > 2 ** 30 || !Number.isSafeInteger(off)) return false
    const subject = this.disk(`${major}:${minor}`)
    const t = Number(seconds) * 1e6 + Math.floor(Number(nanoseconds) / 1000)
    if (subject) this.see(action, { subject, t, off, len })
    return true
  }

  end(): void {
    if (this.taking === undefined) this.settle(this.held.Q.length > 0 ? 'Q' : 'C')
  }

  private see(action: Action, request: Request): void {
    if (this.taking === undefined) {
      if (action === 'D') {
        this.settle('D')
      } else {
        this.held[action].push(request)
        if (this.held[action].length >= mostHeld) this.settle(this.held.Q.length > 0 ? 'Q' : 'C')
        return
      }
    }
    if (action === this.taking) this.take(request)
  }

  private settle(action: Action): void {
    this.taking = action
    if (action !== 'D') for (const request of this.held[action]) this.take(request)
    this.held.Q = []
    this.held.C = []
  }

  private take({ subject, t, off, len }: Request): void {
    const place = placeOnPartition(off, len, this.options)
    if (place) this.out.range(subject, t, place.off, place.len)
    else this.out.drop('outside-partition')
  }

  private disk(dev: string): Subject | undefined {
    let subject = this.disks.get(dev)
    if (!subject) {
      const space = this.out.space(dev)
      if (space === undefined) {
        this.out.drop('other-device')
        return undefined
      }
      this.disks.set(dev, (subject = new Subject(space, 0, 'metadata', undefined, undefined, dev)))
    }
    return subject
  }
}

/** blkparse's default text; `8,0 1 7 0.000410000 43 D RA 130944 + 8 [cat]`. Sectors are of 512 bytes. */
export const blkparse: TraceFormat = {
  name: 'blkparse',
  title: 'output of blkparse',
  grain: 512,
  recognises: (line) => event.test(line),
  parser: (out, options) => new BlkparseParser(out, options),
}
