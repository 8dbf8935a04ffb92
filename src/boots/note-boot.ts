/** Writes down the figures of the boot this machine is in. */
import { lstatSync, readFileSync } from 'node:fs'
import { release, uptime } from 'node:os'
import { join } from 'node:path'
import { PinnedRoot } from '../collect/setup/pinned-root.js'
import { parseMountinfo } from '../host/mountinfo.js'
import { packedPlan } from '../shutdown/places.js'
import { readOutcome } from '../shutdown/outcome.js'
import { countersOf } from './disk-counters.js'
import type { BootFigures, BootLayout, DiskUse } from './figures.js'
import { readNotes, writeNote } from './notes.js'
import { timesOfThisBoot } from './systemd-times.js'

/** Where the list of preload is (docs/preload.md). */
const preloadList = '/etc/bootpack/preload.list'

export const thisBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** What the kernel has counted so far for the device of the root; undefined where that is no device. */
export function rootCounters(text = readFileSync('/proc/diskstats', 'utf8')): DiskUse | undefined {
  const root = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter(({ mountPoint }) => mountPoint === '/')
    .at(-1)
  return root && countersOf(text, root.device)
}

/**
 * @param more what only who recorded it knows; figures noted before are kept where it says nothing
 * @throws as writeNote does
 */
export function noteBoot(more: Pick<BootFigures, 'disk' | 'trace'> = {}): BootFigures {
  const root = PinnedRoot.open('/')
  try {
    const bootId = thisBootId()
    const earlier = readNotes(root).find((each) => each.bootId === bootId)
    const started = earlier ? new Date(earlier.started) : new Date(Date.now() - uptime() * 1000)
    const times = timesOfThisBoot()
    const figures: BootFigures = {
      version: 1,
      bootId,
      started: started.toISOString(),
      kernel: release(),
      layout: earlier?.layout ?? layoutAt(started),
      ...(times && { times }),
      ...(earlier?.disk && { disk: earlier.disk }),
      ...(earlier?.trace !== undefined && { trace: earlier.trace }),
      ...more,
    }
    writeNote(root, figures)
    return figures
  } finally {
    root.close()
  }
}

/**
 * How the root lay when the machine was started: packed, if a plan that packed it is kept
 * that is older, and what was done last at shutdown was not to undo it.
 * @param root the folder that is the root; another one for tests
 */
export function layoutAt(started: Date, root = '/'): BootLayout {
  const wasThere = (path: string): boolean => {
    const stats = lstatSync(join(root, path), { throwIfNoEntry: false })
    return stats !== undefined && stats.mtimeMs < started.getTime()
  }
  const outcome = readOutcome(join(root, 'var/lib/bootpack/shutdown'))
  const undone = outcome?.command === 'undo' && outcome.kind === 'done'
  return { packed: !undone && wasThere(packedPlan), preload: wasThere(preloadList) }
}
