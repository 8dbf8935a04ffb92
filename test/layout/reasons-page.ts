/** docs/reasons.md, made from the tables of reasons. */
import { gapCauses } from '../../src/layout/gap-cause.js'
import { numberReasons, onlyWhileMounted, stayReasons, type ReasonText } from '../../src/layout/reason.js'

export const reasonsPage = (): string => `# Reasons

Why something stays where it is, as \`--json\` names it in \`reason\`, and as it is printed. The
codes are a closed set: programs may rely on them, and on there being no others in a version.
A \`detail\` beside a reason (a block number, an error number) is for people. This page is made
from \`src/layout/reason.ts\` and \`src/layout/gap-cause.ts\` by \`npm run reasons\`.

## Blocks that stay

In the field \`skipped\` of a plan, and \`unmoved\` and \`misplaced\` of what carried it out or
compared it. Those with a mark are reasons only while the filesystem is mounted.

| reason | mounted only | meaning | what helps |
|---|---|---|---|
${rows(stayReasons, (code) => (onlyWhileMounted.has(code) ? '×' : ''))}

## Inodes that keep their number

In the field \`inodes.left\` with \`--inodes\`.

| reason | meaning | what helps |
|---|---|---|
${rows(numberReasons)}

## Gaps in the run

In the field \`gaps\` of a plan: \`causes\` names what lies there.

| cause | what lies there |
|---|---|
${Object.entries(gapCauses)
  .map(([code, noun]) => `| \`${code}\` | ${noun} |`)
  .join('\n')}
`

function rows<Code extends string>(table: Readonly<Record<Code, ReasonText>>, mark?: (code: Code) => string): string {
  return (Object.entries(table) as [Code, ReasonText][])
    .map(([code, { says, helps = '' }]) => `| \`${code}\` |${mark ? ` ${mark(code)} |` : ''} ${says} | ${helps} |`)
    .join('\n')
}
