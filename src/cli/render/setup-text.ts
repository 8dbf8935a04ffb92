import type { KeepReport } from '../../collect/setup/run-keeping.js'
import type { SetupReport } from '../../collect/setup/run-setup.js'
import { count } from '../../text/units.js'

/** What `collect setup` did or would do, for people. */
export function setupText(report: SetupReport): string {
  const { action, files, removed, todo, events } = report
  if (action === 'remove') {
    return [
      ...(removed.length === 0 ? ['Nothing was set up.'] : removed.map((path) => `removed: ${path}`)),
      ...todo,
    ].join('\n')
  }
  const lines = [
    `Kernel arguments: ${report.arguments}`,
    `Room for ${count(events)} pages on each processor: ${count((events * report.pageBytes) / 1e6)} MB that are read in single pages.`,
  ]
  lines.push(...fileLines(report))
  lines.push(...todo)
  if (action === 'show' && files.some(({ state }) => state !== 'present'))
    lines.push('Nothing was changed; --apply does it.')
  if (action === 'apply' && todo.length === 0) lines.push('The next boot will be recorded.')
  return lines.join('\n')
}

/** The same for `collect setup --keep`. */
export function keepingText(report: KeepReport): string {
  const { action, files, removed, todo } = report
  if (action === 'remove')
    return removed.length === 0 ? 'Nothing was set up.' : removed.map((path) => `removed: ${path}`).join('\n')
  const lines = [...fileLines(report), ...todo]
  if (action === 'show' && files.some(({ state }) => state !== 'present'))
    lines.push('Nothing was changed; --apply does it.')
  if (action === 'apply' && todo.length === 0) lines.push('Once a week what has left the run will be brought back.')
  return lines.join('\n')
}

function fileLines({ action, files, written }: Pick<SetupReport, 'action' | 'files' | 'written'>): string[] {
  return files.flatMap(({ shown, state, link, contents }) => {
    const what = written.includes(shown)
      ? 'written'
      : state === 'present'
        ? 'in place'
        : state === 'different'
          ? 'would be written anew'
          : 'would be written'
    const line = `${what}: ${shown}${link === undefined ? '' : ` -> ${link}`}`
    return action === 'show' && state !== 'present' && contents !== undefined
      ? [line, contents.trimEnd().replace(/^(?=.)/gm, '    ')]
      : [line]
  })
}
