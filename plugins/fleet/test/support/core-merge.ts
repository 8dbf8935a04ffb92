/** The parts of bootpack's own merge that a test compares with. */
export { Segmentation } from 'bootpack/trace'
export { firstTouches } from '../../../../src/trace/merge/merge.js'
