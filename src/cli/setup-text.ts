import type { SetupReport } from '../collect/setup/run-setup.js'
import { count } from '../report/table.js'

/** What `collect setup` did or would do, for people. */
export function setupText(report: SetupReport): string {
  const { action, files, written, removed, todo, events } = report
  if (action === 'remove') {
    return [...(removed.length === 0 ? ['Nothing was set up.'] : removed.map((path) => `removed: ${path}`)), ...todo].join('\n')
  }
  const lines = [
    `Kernel arguments: ${report.arguments}`,
    `Room for ${count(events)} pages on each processor: ${count(events * 4096 / 1e6)} MB that are read in single pages.`,
  ]
  for (const { shown, state, link, contents } of files) {
    const what = written.includes(shown) ? 'written' : state === 'present' ? 'in place' : state === 'different' ? 'would be written anew' : 'would be written'
    lines.push(`${what}: ${shown}${link === undefined ? '' : ` -> ${link}`}`)
    if (action === 'show' && state !== 'present' && contents !== undefined) lines.push(contents.trimEnd().replace(/^(?=.)/gm, '    '))
  }
  lines.push(...todo)
  if (action === 'show' && files.some(({ state }) => state !== 'present')) lines.push('Nothing was changed; --apply does it.')
  if (action === 'apply' && todo.length === 0) lines.push('The next boot will be recorded.')
  return lines.join('\n')
}
