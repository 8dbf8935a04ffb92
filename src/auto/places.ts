/** Files of `bootpack auto`, from the root, without a leading slash. */

export const stateFile = 'var/lib/bootpack/auto.json'
export const profile = 'var/lib/bootpack/auto.trace.gz'
export const plan = 'var/lib/bootpack/packed.plan'
/** What mended it since. */
export const mended = 'var/lib/bootpack/mended.plan'
export const folder = 'var/lib/bootpack'
