import { unsupported } from '../errors.js'
import { ImageVolume } from '../ext4/engine/image-volume.js'
import { LiveVolume } from '../mounted/engine/volume.js'
import type { Volume } from '../volume/volume.js'
import type { BlockSpace } from '../volume/block-space.js'
import { ImageSpace } from '../ext4/calls/space.js'
import { LiveSpace } from '../mounted/calls/space.js'

/**
 * The block-moving calls' view of a volume that is open; it may be changed as far as
 * the volume was opened for writing. The volume is closed by whoever opened it.
 * @throws unsupported for an engine that the calls have no way into
 */
export function openBlockSpace(volume: Volume): BlockSpace {
  if (volume instanceof ImageVolume) return new ImageSpace(volume)
  if (volume instanceof LiveVolume) return new LiveSpace(volume)
  throw unsupported(
    'EOPNOTSUPP',
    `Blocks of a volume of the engine ${volume.engine} cannot be moved by these calls.`,
    'They work on ext4, mounted or in an image.',
  )
}
