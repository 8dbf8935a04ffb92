/**
 * Boots of machines that have one image, made from real recordings: each boots a little
 * differently, some have files of their own, some are slow, and an upgrade renames some
 * libraries and gives them other inodes. The same seed gives the same fleet.
 */
import type { Trace } from 'bootpack'
import type { TraceRead } from 'bootpack/types'

export interface FleetOptions {
  readonly boots: number
  readonly seed: number
  /** Machines the boots are of; default a tenth of the boots. */
  readonly machines?: number
  /** Whether an upgrade comes half way; default true. */
  readonly upgrade?: boolean
}

export interface MadeBoot {
  readonly trace: Trace
  readonly machine: string
}

/** A generator of numbers from 0 to 1 (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const day = 86_400_000

export function* makeFleet(
  recordings: readonly Trace[],
  { boots, seed, machines, upgrade = true }: FleetOptions,
): Generator<MadeBoot> {
  const count = machines ?? Math.max(1, Math.round(boots / 10))
  const start = Date.parse('2026-10-01T06:00:00Z')
  for (let i = 0; i < boots; i++) {
    const random = chance(seed * 100_003 + i)
    const machine = Math.floor(random() * count)
    const recording = recordings[machine % recordings.length]!
    const upgraded = upgrade && i / boots > 0.5
    const slow = machine % 17 === 0 ? 3 : 1
    const reads = oneBoot(recording.reads, random, { machine, upgraded, slow })
    const recorded = new Date(start + Math.floor((i / boots) * 28) * day + i).toISOString()
    yield { machine: `machine-${machine}`, trace: { ...recording, header: { ...recording.header, recorded }, reads } }
  }
}

interface Manner {
  readonly machine: number
  readonly upgraded: boolean
  readonly slow: number
}

function oneBoot(reads: readonly TraceRead[], random: () => number, { machine, upgraded, slow }: Manner): TraceRead[] {
  const made: TraceRead[] = []
  for (const read of reads) {
    // Two in a hundred are missing; timing moves each a little.
    if (random() < 0.02) continue
    const t = Math.round(((read.t ?? 0) + random() * 20_000) * slow)
    const named = upgraded ? upgradedRead(read) : read
    if (named.len !== undefined && named.len >= 8192 && random() < 0.03) {
      const first = 4096 * Math.max(1, Math.floor((random() * named.len) / 4096))
      made.push({ ...named, t, len: first }, { ...named, t: t + 1, off: named.off + first, len: named.len - first })
    } else made.push({ ...named, t })
  }
  // What this machine alone has, and now and then something else.
  const own = 5 + (machine % 20) + (slow > 1 ? 60 : 0)
  for (let i = 0; i < own; i++)
    made.push({
      t: Math.round(random() * 3e7 * slow),
      path: `/opt/machine-${machine}/part-${i}`,
      off: 0,
      len: 4096 * (1 + (i % 8)),
      kind: 'data',
    })
  if (random() < 0.2)
    made.push({ t: Math.round(random() * 3e7), path: `/opt/once-${Math.floor(random() * 1e6)}`, off: 0, kind: 'data' })
  return made.filter(({ len }) => len === undefined || len > 0).sort((a, b) => a.t! - b.t!)
}

/** One library in five is replaced: another inode, and where the name has a version, another name. */
function upgradedRead(read: TraceRead): TraceRead {
  if (read.kind !== 'data' || (read.ino ?? 0) % 5 !== 0) return read
  return {
    ...read,
    ...(read.ino === undefined ? {} : { ino: read.ino + 100_000 }),
    ...(read.path === undefined
      ? {}
      : { path: read.path.replace(/\.so\.(\d+)\.(\d+)/, (_, major, minor) => `.so.${major}.${Number(minor) + 1}`) }),
  }
}
