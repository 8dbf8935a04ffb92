/** Renews the snapshot of the command line after a deliberate change: npm run interface */
import { writeFileSync } from 'node:fs'
import { e4defragEntry } from '../../src/cli/generated/command-table.js'
import { interfaceText } from '../../src/cli/generated/interface-text.js'
import { allCommands } from '../support/commands.js'

writeFileSync(new URL('interface.txt', import.meta.url), interfaceText([...(await allCommands()), e4defragEntry]))
