/**
 * Renames as lines: the old name, the new one, and why, with tabs between. Lines that are
 * empty or begin with # say nothing. The third field may be left out.
 */
import { usageError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import type { Rename } from './guess.js'

export const renameTable = (renames: readonly Rename[]): string =>
  `# old\tnew\twhy; guesses of bootpack trace rename, to be looked through\n${renames.map(({ from, to, reason }) => `${from}\t${to}\t${reason}\n`).join('')}`

/** @throws usage for a line that is no rename */
export function parseRenameTable(text: string): Rename[] {
  const renames: Rename[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [from, to] = line.split('\t')
    if (!from?.startsWith('/') || !to?.startsWith('/'))
      throw usageError(
        'bad-rename',
        `Line ${i + 1} of the table is no rename: ${escapePath(line.slice(0, 120))}`,
        'Write the old name, a tab and the new name, both from the root.',
      )
    renames.push({ from, to, reason: 'table' })
  }
  return renames
}
