/** What is found on this machine. */
import { readNotes } from '../boots/notes.js'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { marker as recorderMarker, unitName as recorder } from '../collect/setup/unit.js'
import { readOrder } from '../shutdown/order.js'
import { readOutcome } from '../shutdown/outcome.js'
import type { Facts } from './machine.js'
import { mended, plan, profile } from './places.js'

/** From the root, as preload writes it (docs/preload.md). */
const preloadList = 'etc/bootpack/preload.list'

/** @param root '/' */
export function gatherFacts(root: PinnedRoot): Facts {
  const order = readOrder()
  const outcome = readOutcome()
  const unit = root.glance(`etc/systemd/system/${recorder}`)
  return {
    now: new Date().toISOString(),
    recorded: readNotes(root).flatMap(({ started, trace }) =>
      trace !== undefined && root.has(trace.slice(1)) ? [{ started, trace }] : [],
    ),
    recording: unit?.kind === 'file' && unit.text.startsWith(recorderMarker),
    preload: root.has(preloadList),
    profile: root.has(profile),
    plan: root.has(plan),
    mended: root.has(mended),
    ...(order && { order }),
    ...(outcome && { outcome }),
  }
}
