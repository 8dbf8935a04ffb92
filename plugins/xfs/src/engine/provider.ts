/** The engine for bootpack's table. */
import { claim, usageError, type EngineProvider, type Target } from 'bootpack/engine'
import { quoted } from 'bootpack/text'
import { mountOf, type XfsMount } from '../filesystem/mounts.js'
import { XfsVolume } from './xfs-volume.js'

export const xfsEngine: EngineProvider = {
  name: 'xfs-live',
  opens: 'mounted XFS filesystems, by mount point, by a path on them or by their device',
  // A regular file on XFS may be an image of something else.
  claim: (target) => Promise.resolve(target.kind !== 'file' && mountFor(target) ? claim.certain : undefined),
  open: (target, { write }) =>
    new Promise((resolve) => {
      const mount = mountFor(target)
      if (!mount)
        throw usageError('not-mounted', `${quoted(target.given)} is on no mounted XFS filesystem.`, 'Mount it first.')
      resolve(XfsVolume.open(mount, write))
    }),
}

function mountFor(target: Target): XfsMount | undefined {
  try {
    return mountOf(target.path)
  } catch {
    return undefined
  }
}
