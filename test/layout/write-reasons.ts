/** Renews docs/reasons.md after a change to the tables: npm run reasons */
import { writeFileSync } from 'node:fs'
import { reasonsPage } from './reasons-page.js'

writeFileSync(new URL('../../docs/reasons.md', import.meta.url), reasonsPage())
