import { decimal, scanned, seconds } from './scan.js'
import { placeOnPartition } from './partition.js'
import { Subject } from '../parse/read-collector.js'
import type { TraceFormat } from './format.js'

/**
 * The log of a simulated disk or a network block device, one request per line:
 *
 *     2.786001 R 1187840 131072 dist=1179648 pos_ms=5.010 wait_ms=0.000
 *
 * Seconds, R or another letter for what is no read, byte offset, bytes; the rest is
 * not used. What the blocks are, a volume tells.
 */
export const blockReads: TraceFormat = {
  name: 'block-reads',
  title: 'a log of requests at a disk (time, R, byte offset, bytes)',
  grain: 512,
  recognises: (line) => /^\d+\.\d+ [A-Z] \d+ \d+(?: |$)/.test(line),
  parser(out, options) {
    const disk = new Subject(out.space('disk')!, 0, 'metadata', undefined, undefined, undefined)
    return {
      line(bytes, start, end) {
        if (start === end || bytes[start] === 35) return true
        if (!seconds(bytes, start, end)) return false
        const t = scanned.value
        const operation = scanned.end + 1
        if (bytes[operation - 1] !== 32 || bytes[operation + 1] !== 32) return false
        if (!decimal(bytes, operation + 2, end)) return false
        const off = scanned.value
        if (bytes[scanned.end] !== 32 || !decimal(bytes, scanned.end + 1, end)) return false
        const len = scanned.value
        if (scanned.end < end && bytes[scanned.end] !== 32) return false
        // No device takes a request of a GiB.
        if (len > 2 ** 30) return false
        if (bytes[operation] !== 82 || len === 0) {
          out.drop(len === 0 ? 'empty' : 'not-a-read')
          return true
        }
        const place = placeOnPartition(off, len, options)
        if (place) out.range(disk, t, place.off, place.len)
        else out.drop('outside-partition')
        return true
      },
    }
  },
}
