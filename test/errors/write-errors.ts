/** Renews docs/errors.md after a change to the table: npm run errors */
import { writeFileSync } from 'node:fs'
import { errorsPage } from './errors-page.js'

writeFileSync(new URL('../../docs/errors.md', import.meta.url), errorsPage())
