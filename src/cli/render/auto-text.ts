/** What is said of `bootpack auto`. */
import type { AutoStatus } from '../../auto/status.js'
import type { Step } from '../../auto/state.js'
import type { Wishes } from '../../auto/begin.js'
import { comparisonSentence } from '../../boots/comparison.js'
import { escapePath } from '../../text/escape-path.js'
import { fold } from '../../text/table.js'

/** What will be done, for who is asked whether it shall be. */
export const promiseText = ({
  boots,
  proofs,
  atMost,
}: Wishes): string => `This is done with the root of this machine, by itself, over its next boots:

1. now           the kernel is told to record boots
                 (bootpack collect setup --inodes --apply)
2. ${String(boots).padStart(2)} boots      are recorded, and merged to a profile of what a boot reads
                 (bootpack trace merge)
3. then          the system reads that in advance when it boots, and packing is
                 ordered for when it goes down
                 (bootpack preload install /, bootpack pack / --at-shutdown)
4. going down    the root is packed once it is unmounted; that takes minutes,
                 ${atMost} s at most, and a key ends it
5. ${String(proofs).padStart(2)} boots      are recorded again, to see what it was worth; then recording
                 is taken away (bootpack boots)
6. once a week   what upgrades have moved is looked at, and brought back at the next
                 shutdown if that is worth it (bootpack pack / --drifted)

Nothing is done on battery, and no boot or shutdown waits for it, but in step 4.
See how far it is: bootpack auto status. Take it back: bootpack auto off.`

const done: Readonly<Record<Step, string>> = {
  recording: 'step 2 of 6: boots are recorded',
  merging: 'step 3 of 6: what the boots read is merged',
  preloading: 'step 3 of 6: what boots read is going to be read in advance',
  ordering: 'step 3 of 6: packing is planned, and ordered for when the machine goes down',
  packing: 'step 4 of 6: packing is ordered',
  proving: 'step 5 of 6: packed; boots are recorded again',
  closing: 'step 5 of 6: the recording is taken away',
  watching: 'step 6 of 6: packed, and looked at once a week',
  undoing: 'the layout is being put back',
  clearing: 'everything is being taken away',
  halted: 'halted',
}

const next: Readonly<Partial<Record<Step, string>>> = {
  recording: 'then they are merged, and packing is ordered',
  packing: 'then boots are recorded again, to see what it was worth',
  proving: 'then the recording is taken away',
}

export function autoText({ state, waits, comparison }: AutoStatus): string {
  if (!state) return 'auto is off. Begin with: bootpack auto /'
  const { step, trouble } = state
  const lines = [`auto      ${done[step]}`]
  if (waits !== undefined) lines.push(`waits     ${waits}`)
  else if (trouble) lines.push('waits     to try again after the next boot')
  else lines.push('waits     for nothing: it goes on by itself, after this boot or the next')
  if (next[step] !== undefined) lines.push(`next      ${next[step]}`)
  if (trouble) {
    lines.push(fold(`trouble   ${escapePath(trouble.message)}`))
    if (trouble.next !== undefined) lines.push(fold(`to do     ${escapePath(trouble.next)}`))
  }
  if (comparison) lines.push('', comparisonSentence(comparison))
  return lines.join('\n')
}
