/**
 * A machine in QEMU with somebody at its serial line, who is root, types commands and
 * reads what they print.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { scratchFolder } from '../../support/tools.js'

export interface GuestOptions {
  readonly kernel: string
  readonly initrd: string
  /** Kernel arguments, besides the console. */
  readonly append: string
  /** A raw image, which is written to; or the drive as QEMU takes it. */
  readonly disk: string | { readonly drive: string }
  /** MiB. */
  readonly memory?: number
  /** More arguments for QEMU. */
  readonly more?: readonly string[]
  readonly accelerator?: string
  /** Gets all that comes over the serial line. */
  readonly onText?: (text: string) => void
}

export interface Typed {
  readonly output: string
  readonly status: number
}

const prompt = /root@[\w-]+:[^\n]*# $/
/** Escape sequences, and carriage returns. */
const noise = /\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\r/g

export class Guest {
  /** All that came so far. */
  text = ''
  private typed = 0
  private waiting: (() => void) | undefined
  private readonly over: Promise<void>
  private isOver = false
  private readonly child: ChildProcess
  private readonly line: Socket
  private readonly monitor: string

  private constructor(
    child: ChildProcess,
    line: Socket,
    monitor: string,
    cleanUp: () => void,
    onText: (text: string) => void,
  ) {
    this.child = child
    this.line = line
    this.monitor = monitor
    line.on('error', () => {})
    line.setEncoding('latin1').on('data', (text: string) => {
      this.text += text
      onText(text)
      this.waiting?.()
    })
    this.over = once(child, 'close').then(() => {
      this.isOver = true
      this.waiting?.()
      line.destroy()
      cleanUp()
    })
  }

  static async boot(options: GuestOptions): Promise<Guest> {
    const { kernel, initrd, append, disk, memory = 768, more = [], accelerator = 'tcg', onText = () => {} } = options
    const folder = scratchFolder()
    const socket = join(folder.path, 'line')
    const monitor = join(folder.path, 'monitor')
    const server = createServer().listen(socket)
    await once(server, 'listening')
    const drive = typeof disk === 'string' ? `file=${disk},format=raw,if=virtio,cache=unsafe` : disk.drive
    const child = spawn(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', accelerator, '-cpu', 'max', '-smp', '1', '-m', String(memory)],
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
        ...['-chardev', `socket,id=line,path=${socket}`, '-serial', 'chardev:line'],
        ...['-monitor', `unix:${monitor},server=on,wait=off`],
        ...['-object', 'rng-random,filename=/dev/urandom,id=random', '-device', 'virtio-rng-pci,rng=random'],
        ...['-drive', drive, '-kernel', kernel, '-initrd', initrd],
        ...['-append', `console=ttyS0 panic=-1 ${append}`],
        ...more,
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const [line] = (await Promise.race([
      once(server, 'connection'),
      once(child, 'close').then(() => {
        throw new Error('QEMU ended at once')
      }),
    ])) as [Socket]
    server.close()
    return new Guest(child, line, monitor, () => folder.remove(), onText)
  }

  /** Waits until what has come since the last command ends with a prompt. */
  async login(seconds = 600): Promise<void> {
    await this.until(() => prompt.test(this.clean().slice(-200)), seconds, 'a prompt')
  }

  /** Types a command, and waits until it has ended. */
  async type(command: string, seconds = 900): Promise<Typed> {
    const mark = `@@${++this.typed}:`
    const from = this.text.length
    this.line.write(`${command}; echo "${mark}$?"\n`)
    const pattern = new RegExp(`\\n${mark}(\\d+)\\n`)
    await this.until(() => pattern.test(this.clean(from)), seconds, `the end of: ${command}`)
    const text = this.clean(from)
    const found = pattern.exec(text)!
    await this.until(() => prompt.test(this.clean(from).slice(found.index)), 60, 'a prompt')
    return { output: text.slice(text.indexOf('\n') + 1, found.index), status: Number(found[1]) }
  }

  /** Types something and does not wait. */
  send(text: string): void {
    this.line.write(text)
  }

  /** Waits until something is said; returns all that was since `from`. */
  async hear(pattern: RegExp, seconds: number, from = 0): Promise<string> {
    await this.until(() => pattern.test(this.clean(from)), seconds, String(pattern))
    return this.clean(from)
  }

  /** Waits until the machine has gone down by itself. */
  async down(seconds = 900): Promise<void> {
    await this.until(() => this.isOver, seconds, 'the end')
  }

  /** A command of QEMU's monitor. */
  async control(command: string): Promise<void> {
    const socket = createConnection(this.monitor)
    await once(socket, 'connect')
    socket.write(`${command}\n`)
    await new Promise((resolve) => setTimeout(resolve, 300))
    socket.destroy()
  }

  /** As if the plug was pulled. */
  async cut(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.over
  }

  clean(from = 0): string {
    return this.text.slice(from).replace(noise, '')
  }

  private async until(met: () => boolean, seconds: number, what: string): Promise<void> {
    const deadline = Date.now() + seconds * 1000
    while (!met()) {
      if (this.isOver || Date.now() > deadline) {
        if (!this.isOver) await this.cut()
        if (met()) return
        throw new Error(
          `${this.isOver ? 'The machine went down' : `${seconds} s are over`}, waiting for ${what}. Last:\n${this.clean().slice(-3000)}`,
        )
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000)
        this.waiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}
