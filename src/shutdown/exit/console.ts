/**
 * The machine's console while it goes down: one line that is written over, and the keys
 * that end the work. Nothing is known of the terminal but that a carriage return goes
 * back to the beginning of the line.
 */
import { showText } from '../../kernel/text-console.js'

const columns = 79
/** Escape, q, Ctrl-C. */
const endingKeys = ['\x1b', 'q', '\x03']
/** Milliseconds in which keys are taken for typed before: somebody has just pressed Enter after `reboot`. */
const typedBefore = 500

export class MachineConsole {
  private shown = 0
  private readonly began = Date.now()
  private readonly input: NodeJS.ReadStream
  private readonly output: NodeJS.WritableStream

  /** @param onEnd called when somebody wants it to end */
  constructor(
    onEnd: () => void,
    input: NodeJS.ReadStream = process.stdin,
    output: NodeJS.WritableStream = process.stdout,
  ) {
    this.input = input
    this.output = output
    showText(1)
    // A console that is gone must not end the work.
    input.on('error', () => {})
    output.on('error', () => {})
    if (!input.isTTY) return
    input.setRawMode(true)
    input.on('data', (bytes: Buffer) => {
      const keys = bytes.toString('latin1')
      if (Date.now() - this.began >= typedBefore && endingKeys.some((key) => keys.includes(key))) onEnd()
    })
  }

  /** A line that stays. */
  say(text: string): void {
    this.write(text, '\r\n')
    this.shown = 0
  }

  /** The line that is written over. */
  show(text: string): void {
    this.write(text, '')
    this.shown = Math.min(text.length + prefix.length, columns)
  }

  close(): void {
    if (this.input.isTTY) this.input.setRawMode(false)
    this.input.pause()
  }

  private write(text: string, end: string): void {
    const line = end === '' ? `${prefix}${text}`.slice(0, columns) : `${prefix}${text}`
    this.output.write(`\r${line.padEnd(this.shown)}${end}`)
  }
}

const prefix = 'bootpack: '
