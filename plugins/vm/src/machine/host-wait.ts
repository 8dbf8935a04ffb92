import { readdirSync, readFileSync } from 'node:fs'

/**
 * Seconds a machine was ready to run while the host's processors worked for others:
 * the run delay of its busiest thread, which is the one that is its processor. What
 * a boot's time holds of this, no disk is to blame for.
 *
 * Source: /proc/PID/task/TID/schedstat, nanoseconds on a processor and nanoseconds
 * waiting for one (Documentation/scheduler/sched-stats.rst).
 *
 * @returns undefined where the kernel does not tell
 */
export function hostWait(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number),
    )
    const [, waited] = threads.reduce((busiest, each) => (each[0]! > busiest[0]! ? each : busiest))
    return waited === undefined || Number.isNaN(waited) ? undefined : waited / 1e9
  } catch {
    return undefined
  }
}
