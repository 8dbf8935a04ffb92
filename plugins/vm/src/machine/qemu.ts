import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { ioError, unsupported } from 'bootpack/engine'
import { milliseconds } from '../disk/clock.js'
import { qemuArguments, qemuCommand, type MachineOptions } from './qemu-arguments.js'

/** Milliseconds QEMU has to end when asked to. */
const patience = 3000
const mostComplaint = 4000

export interface QemuEvents {
  /** Bytes on the serial console. */
  readonly onConsole: (bytes: Buffer) => void
}

/** One virtual machine, from the moment it is switched on. */
export class Qemu {
  /** Settles when the machine is off, for whatever reason. */
  readonly off: Promise<void>
  /** What QEMU itself had to say, shortened. */
  complaint = ''

  private readonly child: ChildProcess
  readonly started: number

  /** @param started when it was switched on, milliseconds of the monotonic clock */
  private constructor(child: ChildProcess, started: number, events: QemuEvents) {
    this.child = child
    this.started = started
    this.off = new Promise((resolve) => child.once('close', () => resolve()))
    child.on('error', () => {})
    child.stdout!.on('data', events.onConsole)
    child.stderr!.on('data', (bytes: Buffer) => {
      if (this.complaint.length < mostComplaint) this.complaint += bytes.toString('utf8')
    })
  }

  /** @throws unsupported when QEMU is not installed, io when it does not start */
  static async start(options: MachineOptions, events: QemuEvents): Promise<Qemu> {
    const command = findProgram(qemuCommand)
    if (command === undefined) {
      throw unsupported('no-qemu', `${qemuCommand} is not installed.`, 'Install it: apt-get install qemu-system-x86')
    }
    // A machine must not outlive who watches it, not even one that is killed.
    const setpriv = findProgram('setpriv')
    const words = [
      ...(setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL']),
      command,
      ...qemuArguments(options),
    ]
    const started = milliseconds()
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      await once(child, 'spawn')
    } catch (cause) {
      throw ioError(`${words[0]} could not be started.`, cause)
    }
    return new Qemu(child, started, events)
  }

  /** Process of the machine. */
  get pid(): number {
    return this.child.pid!
  }

  /** Switches it off; returns when it is. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM')
      const killer = setTimeout(() => this.child.kill('SIGKILL'), patience)
      await this.off
      clearTimeout(killer)
    }
    await this.off
  }
}

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/bin']
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}
