/**
 * Which programs run, and in which units, as far as the kernel's trace does not tell: those
 * that ran before it began, and services whose processes were started right into their
 * cgroup.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { decodeName } from '../bytes/file-name.js'
import { unitOf } from '../trace/formats/task-table.js'
import type { Reader } from '../trace/model/trace.js'

const deleted = Buffer.from(' (deleted)')
const mostMs = 5000

/** By process id, of all that run now; a process that ends meanwhile is left out. */
export function runningTasks(): Map<number, Reader> {
  const found = new Map<number, Reader>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const reader = readerOf(name)
    if (reader) found.set(Number(name), reader)
  }
  return found
}

/** Who a process reads for; undefined where neither program nor unit is known, as of the kernel's own. */
export function readerOf(pid: number | string): Reader | undefined {
  const by = attempt(() => programAt(readlinkSync(`/proc/${pid}/exe`, { encoding: 'buffer' })))
  const unit = attempt(() => unitIn(readFileSync(`/proc/${pid}/cgroup`, 'latin1')))
  if (by === undefined && unit === undefined) return undefined
  return { ...(by !== undefined && { by }), ...(unit !== undefined && { unit }) }
}

function programAt(path: Buffer): string {
  return decodeName(path.subarray(-deleted.length).equals(deleted) ? path.subarray(0, -deleted.length) : path)
}

/** Of /proc/PID/cgroup: the one hierarchy of version 2, else systemd's own of version 1. */
function unitIn(text: string): string | undefined {
  const path = /^0::(.*)$/m.exec(text)?.[1] ?? /^\d+:name=systemd:(.*)$/m.exec(text)?.[1]
  return path === undefined ? undefined : unitOf(path)
}

/**
 * The main processes of services, those that have ended included, as long as systemd
 * remembers them.
 * @returns empty where systemd cannot be asked
 */
export async function serviceProcesses(): Promise<Map<number, Reader>> {
  const words = ['show', '--property=Id,ExecMainPID,ControlPID', '--', '*.service']
  const text = await new Promise<string>((resolve) => {
    execFile('systemctl', words, { timeout: mostMs, maxBuffer: 1 << 26 }, (_error, stdout) => resolve(stdout))
  })
  return parseServices(text)
}

/** What `systemctl show` says: a block of lines for each unit. */
export function parseServices(text: string): Map<number, Reader> {
  const found = new Map<number, Reader>()
  for (const block of text.split('\n\n')) {
    const unit = /^Id=(.+)$/m.exec(block)?.[1]
    if (unit === undefined) continue
    for (const [, pid] of block.matchAll(/^(?:ExecMain|Control)PID=([1-9]\d*)$/gm)) found.set(Number(pid), { unit })
  }
  return found
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action()
  } catch {
    // Gone meanwhile, a task of the kernel's, or not ours to look at.
    return undefined
  }
}
