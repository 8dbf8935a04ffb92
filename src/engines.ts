/** The engines that come with bootpack; plugins add theirs through the hook `bootpack-engines`. */
import { imageEngine } from './image/open-image.js'
import { liveEngine } from './live/open-live.js'
import type { EngineProvider } from './volume/open-volume.js'

export const engines: readonly EngineProvider[] = [liveEngine, imageEngine]
