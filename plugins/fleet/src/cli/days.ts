import { usageError } from 'bootpack/engine'

/** @throws usage for what is no day */
export function checkDay(day: string | undefined): void {
  if (day === undefined || (/^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)))) return
  throw usageError('bad-day', `${JSON.stringify(day)} is no day.`, 'Give one such as 2026-11-30.')
}
