/** docs/errors.md, made from the table of error codes. */
import { errorCodes, exitOf, type ErrorFamily } from '../../src/errors.js'

/** What each family asks for. */
const families: Readonly<Record<ErrorFamily, string>> = {
  usage: 'What was asked for cannot be meant. Correct the command line.',
  refused: 'It could be done and would be unsafe, or is not permitted. Nothing was changed.',
  stopped: 'It became unsafe half-way. What was done until then is whole; the same command goes on.',
  unsupported: 'It is sound, and not handled here.',
  corrupt: 'Something contradicts itself, and needs a repair before anything is written.',
  'no-space': 'There is not enough room.',
  io: 'Reading or writing failed: a device, a file, a server, a machine.',
  interrupted: 'It was interrupted; everything is left consistent.',
}

export const errorsPage = (): string => `# Errors

Every error has a code, and \`--json\` gives it: \`{"error": {"family", "code", "message", "next"},
"exitCode"}\`. The codes are a closed set: programs may rely on them, and on there being no
others in a version. The family decides the exit code. \`message\` and \`next\` are for people.
This page is made from \`src/error-codes.ts\` by \`npm run errors\`.

Two kinds of code are not listed: names of errno (\`ENOSPC\`) where the kernel's word is passed
on, and \`plugin/code\` of plugins that do not come with bootpack.
${(Object.keys(errorCodes) as ErrorFamily[]).map(sectionOf).join('')}`

const sectionOf = (family: ErrorFamily): string => `
## ${family}: exit code ${exitOf[family]}

${families[family]}

| code | meaning | what to do |
|---|---|---|
${Object.entries<{ means: string; helps?: string }>(errorCodes[family])
  .map(([code, { means, helps = '' }]) => `| \`${code}\` | ${means} | ${helps} |`)
  .join('\n')}
`
