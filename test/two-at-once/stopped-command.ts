/** A bootpack as it is shipped that stops itself at one of the moments it goes through (shims/pause.mjs). */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { launcher } from './specimen.js'

const shim = (name: string): string => new URL(`shims/${name}.mjs`, import.meta.url).pathname

export interface Stop {
  /** Number of the moment, from 0. */
  readonly at: number
  readonly after: boolean
}

export interface CommandOptions {
  /** What it works on: a file, device or mount point. */
  readonly target: string
  /** Where the moments it went through are written. */
  readonly report: string
  readonly stop?: Stop
  /** Without its lock and looks. */
  readonly unguarded?: boolean
}

export class StoppedCommand {
  private readonly child: ChildProcess
  private readonly report: string
  private said = ''
  private status: number | null | undefined
  private readonly end: Promise<unknown>

  constructor(args: readonly string[], { target, report, stop, unguarded }: CommandOptions) {
    this.report = report
    rmSync(report, { force: true })
    const imports = ['pause', ...(unguarded ? ['unguarded'] : [])].flatMap((name) => ['--import', shim(name)])
    this.child = spawn(process.execPath, [...imports, launcher, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        TWO_AT_ONCE_TARGET: target,
        TWO_AT_ONCE_REPORT: report,
        TWO_AT_ONCE_STOP: stop ? `${stop.at} ${stop.after ? 'after' : 'before'}` : '',
      },
    })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (some: string) => {
        this.said += some
      })
    this.end = new Promise((resolve) => this.child.once('close', resolve)).then(() => {
      this.status = this.child.exitCode
    })
  }

  /** @returns whether it stands still; false when it has ended */
  async stopped(): Promise<boolean> {
    while (this.status === undefined && this.child.exitCode === null) {
      if (this.stands()) return true
      await setTimeout(5)
    }
    await this.end
    return false
  }

  continue(): void {
    this.child.kill('SIGCONT')
  }

  /** @returns its exit code and all it said; the code is undefined when it did not end in time and was killed */
  async ended(milliseconds: number): Promise<{ code: number | null | undefined; said: string }> {
    const inTime = await Promise.race([this.end.then(() => true), setTimeout(milliseconds, false, { ref: false })])
    if (!inTime) {
      this.child.kill('SIGKILL')
      await this.end
    }
    return { code: inTime ? this.status : undefined, said: this.said }
  }

  /** One letter for each moment it went through. */
  moments(): string {
    return existsSync(this.report) ? readFileSync(this.report, 'utf8') : ''
  }

  private stands(): boolean {
    try {
      return /^State:\s+T/m.test(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }
}
