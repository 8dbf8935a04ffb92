/** A command under a real terminal of its own, given by script(1). */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'

export class Terminal {
  /** Everything that was shown so far. */
  shown = ''
  private readonly child: ChildProcessWithoutNullStreams
  private readonly ended: Promise<unknown[]>

  constructor(words: readonly string[], options: { readonly cwd?: string } = {}) {
    const line = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    this.child = spawn('script', ['-qec', line, '/dev/null'], { ...options, env: { ...process.env, SHELL: '/bin/sh' } })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text
    })
    this.ended = once(this.child, 'close')
  }

  /** Waits until it shows this, or has ended. What does not come in half a minute ends it. */
  async until(pattern: RegExp): Promise<void> {
    for (const latest = Date.now() + 30_000; !pattern.test(this.shown) && this.child.exitCode === null;) {
      if (Date.now() > latest) {
        this.close()
        throw new Error(`${pattern} was not shown, but ${JSON.stringify(this.shown)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Hangs up. */
  close(): void {
    this.child.kill('SIGKILL')
    this.child.stdin.destroy()
    this.child.stdout.destroy()
  }

  /** Presses keys; Ctrl-C is \x03. */
  type(keys: string): void {
    this.child.stdin.write(keys)
  }

  /** @returns the exit code */
  async end(): Promise<number | null> {
    const [status] = await this.ended
    return status as number | null
  }
}
