/**
 * The text on a serial console, line by line. Terminals are steered with escape
 * sequences and lines end in carriage returns as often as not; both are taken out,
 * also where they are cut in two by how the bytes come.
 */

/** A guest that never ends a line must not fill the memory. */
const longestLine = 4096

type State = 'text' | 'escape' | 'control' | 'string' | 'string-escape'

export class ConsoleText {
  private readonly decoder = new TextDecoder()
  private state: State = 'text'
  private line = ''
  private readonly ended: string[] = []

  private readonly kept: number

  /** @param kept how many of the last lines are held for {@link tail} */
  constructor(kept = 30) {
    this.kept = kept
  }

  /**
   * @returns the lines that ended with these bytes, and the one that is being
   *          written, which may be a prompt. Empty lines are left out.
   */
  add(bytes: Uint8Array): string[] {
    const lines: string[] = []
    for (const character of this.decoder.decode(bytes, { stream: true })) {
      const line = this.take(character)
      if (line !== undefined) lines.push(line)
    }
    this.ended.push(...lines)
    this.ended.splice(0, Math.max(0, this.ended.length - this.kept))
    return this.line === '' ? lines : [...lines, this.line]
  }

  /** The last lines. */
  get tail(): readonly string[] {
    return this.line === '' ? [...this.ended] : [...this.ended, this.line]
  }

  private take(character: string): string | undefined {
    switch (this.state) {
      case 'text':
        if (character === '\n' || character === '\r') return this.end()
        if (character === '\u001b') this.state = 'escape'
        else if (character >= ' ' && !(character >= '\u007f' && character <= '\u009f')) this.line += character
        else if (character === '\t') this.line += ' '
        return this.line.length >= longestLine ? this.end() : undefined
      case 'escape':
        if (character === '[') this.state = 'control'
        else if (character === ']' || character === 'P' || character === '^' || character === '_' || character === 'X')
          this.state = 'string'
        // ESC ( B and the like: one more character follows.
        else if (character < '0') return undefined
        else this.state = 'text'
        return undefined
      case 'control':
        if (character >= '@' && character <= '~') this.state = 'text'
        return undefined
      case 'string':
        if (character === '\u0007' || character === '\n') this.state = 'text'
        else if (character === '\u001b') this.state = 'string-escape'
        return undefined
      case 'string-escape':
        this.state = 'text'
        return undefined
    }
  }

  private end(): string | undefined {
    const { line } = this
    this.line = ''
    return line === '' ? undefined : line
  }
}
