import { unsupported } from '../errors.js'
import type { BlockSpace } from '../volume/block-space.js'
import type { Volume } from '../volume/volume.js'

/**
 * The block-moving calls' view of a volume that is open; it may be changed as far as
 * the volume was opened for writing. The volume is closed by whoever opened it.
 * @throws unsupported for an engine that the calls have no way into
 */
export function openBlockSpace(volume: Volume): BlockSpace {
  const { blockCalls } = volume.capabilities
  if (blockCalls) return blockCalls()
  throw unsupported(
    'EOPNOTSUPP',
    `Blocks of a volume of the engine ${volume.engine} cannot be moved by these calls.`,
    'They work on ext4, mounted or in an image.',
  )
}
