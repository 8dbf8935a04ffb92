/**
 * What commands are made of, for plugins that bring some. Loads oclif.
 *
 * @packageDocumentation
 */
export { Args, Flags } from '@oclif/core'
export { BootpackCommand } from '../cli/session/base-command.js'
export { openTarget } from '../cli/session/open-target.js'
export { refuseOther, writeAtomically } from '../files/atomic-file.js'
export type { Progress } from '../cli/session/progress.js'
export type { OpenTargetOptions } from '../engines.js'
export type { Flagged } from '../cli/session/base-command.js'
export { expandPatterns } from '../cli/args/patterns.js'
export type { TraceArchive, WrittenArchive } from '../cli/session/trace-archives.js'
