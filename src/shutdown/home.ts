import { fileURLToPath } from 'node:url'

/** Folder of bootpack: that of its package.json. */
export const homeOf = (): string => fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
