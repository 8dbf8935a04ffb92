/**
 * How traces are merged, in parts: for programs that count boots elsewhere, such as in a
 * database, and want the profile that `bootpack trace merge` makes. Pure.
 *
 * @packageDocumentation
 */
export { medianOf, medianOfValues, type Histogram } from '../trace/merge/histogram.js'
export { mergedHeader, mergeTraces, supportFor } from '../trace/merge/merge.js'
export { mostOften } from '../trace/merge/most-often.js'
export { profileReads, profileRuns, type KeptSegment, type ProfileRun } from '../trace/merge/profile.js'
export { Segmentation } from '../trace/merge/segmentation.js'
export type { SegmentRange } from '../trace/merge/segmentation.js'
export type { Thing } from '../trace/merge/segmentation.js'
export type { MergeOptions } from '../trace/merge/merge.js'
export type { Reader } from '../trace/model/trace.js'
