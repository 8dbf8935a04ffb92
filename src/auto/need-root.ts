import { refused } from '../errors.js'

/** @throws refused */
export function needRoot(): void {
  if (process.geteuid?.() === 0) return
  throw refused('needs-root', 'What bootpack auto has arranged is for root to change.', 'Run it with sudo.')
}
