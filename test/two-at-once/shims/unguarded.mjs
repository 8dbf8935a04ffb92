/** Loaded into a bootpack with `node --import`: takes its lock and its looks away, to see whether the harness notices. */
import { register } from 'node:module'

register('./unguarded-hooks.mjs', import.meta.url)
