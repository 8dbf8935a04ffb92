/**
 * What the kernel must be told to record a boot by itself, from its first moments.
 *
 * The buffer. An event of a page takes 44 bytes of it, one of a request 73 (both
 * measured). A boot that reads a gigabyte in single pages makes 262,144 of the one
 * and perhaps 16,384 of the other: 12.1 MiB, so 16 MiB. The size is one processor's,
 * and a boot may do all its reading on one; but each processor gets that much, so all
 * of them together may take a 32nd of the memory at most. When the buffer is full the
 * kernel drops what is new (nooverwrite): the beginning of a boot, in order, is worth
 * more than its end.
 */
import { cpus, totalmem } from 'node:os'
import { bootEvents, inodeProbe } from '../tracing-folder.js'

const pageEventBytes = 44
const requestEventBytes = 73
const pagesPerRequest = 16
const mebibyte = 2 ** 20
const shareOfMemory = 32

export const expectedEvents = 262_144

export interface Machine {
  /** Bytes. */
  readonly memory: number
  readonly processors: number
}

export const thisMachine = (): Machine => ({ memory: totalmem(), processors: cpus().length })

/** What nothing is known of: what a small board has. */
export const unknownMachine: Machine = { memory: 2 ** 30, processors: 4 }

/**
 * MiB of the buffer per processor, a power of two.
 * @param events pages the boot is expected to read
 */
export function bufferMiB({ memory, processors }: Machine, events = expectedEvents): number {
  const wanted = events * pageEventBytes + (events / pagesPerRequest) * requestEventBytes
  const allowed = memory / shareOfMemory / Math.max(1, processors)
  let size = 1
  while (size * mebibyte < wanted && size * 2 * mebibyte <= allowed) size *= 2
  return size
}

/** Pages that fit a buffer of one processor, with the requests that go with them. */
export const eventsThatFit = (mib: number): number =>
  Math.floor((mib * mebibyte) / (pageEventBytes + requestEventBytes / pagesPerRequest))

/**
 * @param inodes also which inodes are loaded
 * @param spell  for boot loaders that take a `$` for a variable whatever is done: the probe's argument without one
 */
export const kernelArguments = (
  mib: number,
  inodes = false,
  spell: (probe: string) => string = (probe) => probe,
): string =>
  `trace_event=${bootEvents.join(',')} trace_buf_size=${mib}M trace_options=nooverwrite${inodes ? ` ${spell(inodeProbe.argument)}` : ''}`

/** The registers a function's first two arguments are in at its beginning, by Node's name of the processor. */
const registers: Readonly<Record<string, readonly [string, string]>> = { x64: ['%di', '%si'], arm64: ['%x0', '%x1'] }

/** The probe's argument with registers instead of numbers, where the processor is known. */
export function byRegisters(probe: string, processor: string): string {
  const [first, second] = registers[processor] ?? ['$arg1', '$arg2']
  return probe.replace('$arg1', first).replace('$arg2', second)
}

/**
 * Whether a kernel can be told of the probe on its command line.
 * @param release '6.1.0-13-amd64'
 */
export function takesProbe(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  return major > 5 || (major === 5 && minor >= 3)
}
