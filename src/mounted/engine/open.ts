/** The live engine, for the table of engines. */
import { usageError } from '../../errors.js'
import { claim, type Claim, type EngineProvider } from '../../volume/open-volume.js'
import { type Target } from '../../volume/target.js'
import { quoted } from '../../text/json-text.js'
import type { Volume } from '../../volume/volume.js'
import { findMounted } from './filesystem.js'
import { LiveVolume } from './volume.js'

/**
 * Opens the mounted filesystem a path is on, or that a block device holds.
 * @throws usage when a device is not mounted; refused or unsupported, see refusals.ts
 */
export async function openLive(target: Target, write: boolean): Promise<Volume> {
  const mounted = findMounted(target)
  if (!mounted)
    throw usageError(
      'not-mounted',
      `${quoted(target.given)} is not mounted.`,
      'Mount it, or use the engine ext4-image.',
    )
  return await LiveVolume.open(mounted, write)
}

export const liveEngine: EngineProvider = {
  name: 'ext4-live',
  opens: 'mounted ext4 filesystems, by mount point, by a path on them or by their device',
  claim: claimLive,
  open: (target, { write }) => openLive(target, write),
}

/** A file may be an image as well, so it is left to others unless nobody wants it. */
function claimLive(target: Target): Promise<Claim | undefined> {
  let type: string | undefined
  try {
    type = findMounted(target)?.type
  } catch {
    return Promise.resolve(target.kind === 'directory' ? claim.possible : undefined)
  }
  if (target.kind === 'file') return Promise.resolve(undefined)
  if (type === undefined) return Promise.resolve(undefined)
  return Promise.resolve(type === 'ext4' ? claim.certain : claim.possible)
}
