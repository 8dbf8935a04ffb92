// Holds the imports of src and plugins to the arrows of rooms.ts, and the table of
// docs/architecture.md to the same; `--write` makes the table anew. Run by `npm run lint`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { importGraph } from './imports.js'
import { judge } from './judge.js'
import { pluginRoom, rooms } from './rooms.js'
import { roomTable, withTable } from './table.js'

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))
const page = 'docs/architecture.md'
const plugins = readdirSync('plugins')

const { imports, faults } = await importGraph(process.cwd(), ['src', ...plugins.map((name) => `plugins/${name}/src`)])
const complaints = [...faults, ...judge([...rooms, ...plugins.map(pluginRoom)], imports)]

const document = readFileSync(page, 'utf8')
const renewed = withTable(document, roomTable(rooms))
if (process.argv.includes('--write')) writeFileSync(page, renewed)
else if (renewed !== document)
  complaints.push(`The table of rooms in ${page} is not the one of scripts/arrows/rooms.ts: npm run arrows -- --write`)

for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1
