/**
 * Which program and unit a task belongs to, as the kernel's events tell in passing:
 *
 *     task_newtask: pid=87 comm=systemd clone_flags=3d0f00 oom_score_adj=0     (the task at the front starts 87)
 *     sched_process_fork: comm=systemd pid=1 child_comm=systemd child_pid=87
 *     sched_process_exec: filename=/usr/lib/systemd/systemd-udevd pid=87 old_pid=87
 *     cgroup_attach_task: dst_root=1 dst_id=42 dst_level=2 dst_path=/system.slice/systemd-udevd.service pid=87 comm=systemd
 *
 * A thread shares what is known of its process. A new process runs its parent's program
 * and is in its parent's unit until an event says otherwise; started right into another
 * cgroup (CLONE_INTO_CGROUP, systemd 256 and later) its unit is told by no event. Where no
 * event tells the program, the name the kernel keeps of a task stands for it.
 */
import { decodeName } from '../../bytes/file-name.js'
import type { Reader } from '../model/trace.js'

/** What is known of processes from elsewhere, by process id. */
export interface KnownTasks {
  /** When the recording began. */
  readonly before?: ReadonlyMap<number, Reader>
  /** Afterwards: of use for those whose unit no event told. */
  readonly after?: ReadonlyMap<number, Reader>
}

interface Process {
  program: string | undefined
  unit: string | undefined
}

const cloneThread = 0x10000
const cloneIntoCgroup = 0x2_0000_0000

const event =
  /: (?:\w+:)?(?:task_newtask: pid=(\d+) comm=.* clone_flags=([\da-f]+) oom_|sched_process_fork: comm=.* pid=(\d+) child_comm=.* child_pid=(\d+)$|sched_process_exec: filename=(.*) pid=(\d+) old_pid=\d+$|cgroup_attach_task: dst_root=\d+ dst_id=\d+ dst_level=\d+ dst_path=(.*) pid=(\d+) comm=)/

/** Whether a line may be one of those; a quick look. */
export const tellsOfTasks = (line: string): boolean =>
  line.includes('task_newtask: ') || line.includes('sched_process_') || line.includes('cgroup_attach_task: ')

/** Processes and readers kept; past that they are forgotten, and known anew from their next event. */
const most = 1 << 18

export class TaskTable {
  private readonly processes = new Map<number, Process>()
  private readonly readers = new Map<string, Reader>()
  private readonly after: ReadonlyMap<number, Reader>

  constructor({ before = new Map(), after = new Map() }: KnownTasks = {}) {
    this.after = after
    for (const [pid, { by, unit }] of before) this.processes.set(pid, { program: by, unit })
  }

  /**
   * Takes a line of the kernel's text.
   * @param task that the line is about, as it says at its front; undefined where it does not
   * @param line as latin1
   * @returns false when it is none of these events
   */
  take(task: number | undefined, line: string): boolean {
    const found = event.exec(line)
    if (!found) return false
    const [, newTask, flags, parent, child, file, executing, cgroup, attached] = found
    if (newTask !== undefined) this.started(task, Number(newTask), Number.parseInt(flags!, 16))
    else if (child !== undefined) this.started(Number(parent), Number(child), 0)
    else if (executing !== undefined) this.process(Number(executing)).program = programOf(file!)
    else this.process(Number(attached)).unit = unitOf(cgroup!)
    return true
  }

  /**
   * Who a task reads for; the same object for the same program and unit.
   * @param name the kernel's name of it, '' where unknown
   * @param leader id of its process, where the line tells
   */
  reader(task: number, name: string, leader?: number): Reader | undefined {
    let process = this.processes.get(task)
    if (!process && leader !== undefined && leader !== task) {
      process = this.process(leader)
      this.remember(task, process)
    }
    process ??= this.process(task)
    const by = process.program ?? kernelName(name)
    const { unit } = process
    if (by === undefined && unit === undefined) return undefined
    const key = `${by ?? ''}\0${unit ?? ''}`
    let reader = this.readers.get(key)
    if (!reader) {
      if (this.readers.size >= most) this.readers.clear()
      this.readers.set(key, (reader = { ...(by !== undefined && { by }), ...(unit !== undefined && { unit }) }))
    }
    return reader
  }

  private started(parent: number | undefined, child: number, flags: number): void {
    const from = parent === undefined ? undefined : this.process(parent)
    if (from && flags % (2 * cloneThread) >= cloneThread) return this.remember(child, from)
    const elsewhere = flags >= cloneIntoCgroup
    this.remember(child, {
      program: from?.program,
      unit: elsewhere || !from ? this.after.get(child)?.unit : from.unit,
    })
  }

  private process(id: number): Process {
    let process = this.processes.get(id)
    if (!process) {
      const known = this.after.get(id)
      // The first process was there before systemd was, which moves itself into a unit.
      this.remember(id, (process = { program: known?.by, unit: id === 1 ? undefined : known?.unit }))
    }
    return process
  }

  private remember(id: number, process: Process): void {
    if (this.processes.size >= most) this.processes.clear()
    this.processes.set(id, process)
  }
}

/** Undefined for what is no place of a program: a descriptor, a path from an unknown folder. */
function programOf(file: string): string | undefined {
  if (!file.startsWith('/') || /^\/(?:proc|dev\/fd)\//.test(file)) return undefined
  return decodeName(Buffer.from(file, 'latin1'))
}

/** `kworker/0:1H-kblockd` and its like are one; the kernel shows `<...>` for a name it forgot. */
function kernelName(name: string): string | undefined {
  if (name === '' || name === '<...>' || name === '<idle>') return undefined
  return name.startsWith('kworker/') ? 'kworker' : name
}

/**
 * The systemd unit a cgroup belongs to, as sd_pid_get_unit(3) has it: the first part of
 * the path that is no slice; an underscore is put before names that would clash.
 */
export function unitOf(cgroup: string): string | undefined {
  const part = cgroup.split('/').find((each) => each !== '' && !each.endsWith('.slice'))
  if (part === undefined || !/\.(?:service|scope|mount|swap|socket)$/.test(part)) return undefined
  return decodeName(Buffer.from(part.startsWith('_') ? part.slice(1) : part, 'latin1'))
}
