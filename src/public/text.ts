/**
 * Numbers, tables and names as people read them. Pure.
 *
 * @packageDocumentation
 */
export { escapePath } from '../text/escape-path.js'
export { shellWord } from '../text/shell-word.js'
export { table } from '../text/table.js'
export { bytes, count, seconds } from '../text/units.js'
export { quoted } from '../text/json-text.js'
