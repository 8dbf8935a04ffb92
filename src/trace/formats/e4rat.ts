import { decimal, scanned, skipSpaces } from './scan.js'
import { decodeName } from '../../bytes/file-name.js'
import { PathPlacer } from './path-text.js'
import type { TraceFormat } from './format.js'

/** A device number as stat gives it, in the form `major:minor`. Source: glibc's encoding, 12 + 20 bits and their high parts. */
export function deviceName(number: number): string {
  const value = BigInt(number)
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** The inverse of deviceName. */
export function deviceNumber(name: string): number {
  const [major = 0n, minor = 0n] = name.split(':').map((part) => BigInt(part))
  return Number((minor & 0xffn) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n))
}

/** e4rat's startup.log: `dev ino path` per line; lines that begin with '/' are plain paths. Whole files in read order. */
export const e4rat: TraceFormat = {
  name: 'e4rat',
  title: "e4rat's file list: device, inode and path per line",
  recognises: (line) => /^\d+ \d+ \//.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options)
    const devices = new Map<number, string>()
    return {
      line(bytes, start, end) {
        if (start === end) return true
        let at = start
        let dev: string | undefined
        let ino: number | undefined
        if (bytes[at] !== 47) {
          if (!decimal(bytes, at, end)) return false
          const number = scanned.value
          if (!decimal(bytes, skipSpaces(bytes, scanned.end, end), end)) return false
          ino = scanned.value
          if (scanned.end >= end || bytes[scanned.end] !== 32 || ino === 0) return false
          at = scanned.end + 1
          dev = devices.get(number)
          if (dev === undefined) {
            dev = deviceName(number)
            if (devices.size < 4096) devices.set(number, dev)
          }
        }
        const placed = placer.place(decodeName(bytes, at, end))
        if (!placed || ('dropped' in placed && placed.dropped === 'relative-name')) return false
        if ('dropped' in placed) out.drop(placed.dropped)
        else out.whole(out.named(placed.path, ino, dev), NaN)
        return true
      },
    }
  },
}
