/** What is shown on the console while a command runs. Pure. */
import type { Step } from './ordered-command.js'

/**
 * @param seconds since the step began
 * @param left seconds until the limit
 */
export function progressLine({ step, done, total }: Step, seconds: number, left: number): string {
  const share = total > 0 ? done / total : 0
  const far =
    share > 0 && seconds >= 1
      ? `${Math.min(100, Math.floor(share * 100))} %, ${Math.ceil(Math.max(0, seconds / share - seconds))} s left`
      : `${Math.floor(seconds)} s`
  return `${step}: ${far} (${Math.max(0, Math.floor(left))} s at most; Esc stops)`
}
