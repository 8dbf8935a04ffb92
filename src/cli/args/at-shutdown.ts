/** Flags of commands that can be carried out when the machine goes down, and the command line they become then. */
import { Flags } from '@oclif/core'
import { usageError } from '../../errors.js'
import type { OrderWord } from '../../shutdown/order.js'

export const shutdownFlags = {
  'at-shutdown': Flags.boolean({
    description: 'do it the next time this machine goes down, when nothing of it is in use (docs/shutdown.md)',
  }),
  'at-most': Flags.integer({
    description: 'with --at-shutdown: seconds it may keep the machine from going down',
    default: 300,
    min: 10,
    max: 3600,
    helpValue: 'SECONDS',
  }),
}

/** What oclif gives of each word of the command line. */
export interface Token {
  readonly type: string
  readonly flag?: string
  readonly input: string
}

/** Flags that mean nothing there, or something else. */
const notThere: Readonly<Record<string, string>> = {
  'dry-run': 'Without --at-shutdown it plans and writes nothing.',
  'undo-file': 'There is nowhere to keep it; undo takes the plan back.',
  report: 'Make the page afterwards, with bootpack report.',
  partition: 'Name the mount point.',
  target: 'The plan names it.',
}

const ownFlags = ['at-shutdown', 'at-most', 'json', 'quiet', 'verbose']

/**
 * The flags as they were written, but for those in `stands`.
 * @param stands what takes the place of a flag's value
 * @throws usage for a flag that cannot be carried out then
 */
export function orderWords(tokens: readonly Token[], stands: Readonly<Record<string, OrderWord>>): OrderWord[] {
  const words: OrderWord[] = []
  for (const { type, flag, input } of tokens) {
    if (type !== 'flag' || flag === undefined || ownFlags.includes(flag) || flag in stands) continue
    const why = notThere[flag]
    if (why !== undefined) throw usageError('not-at-shutdown', `--${flag} does not go with --at-shutdown.`, why)
    words.push(...(input.startsWith('-') ? [input] : [`--${flag}=${input}`]))
  }
  for (const [flag, word] of Object.entries(stands)) words.push(`--${flag}`, word)
  return words
}
