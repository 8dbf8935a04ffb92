/** The engines that come with bootpack; plugins add theirs through the hook `bootpack-engines`. */
import { imageEngine } from './ext4/engine/open-image.js'
import { liveEngine } from './mounted/engine/open.js'
import type { EngineProvider } from './volume/open-volume.js'

export const engines: readonly EngineProvider[] = [liveEngine, imageEngine]
