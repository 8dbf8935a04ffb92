/**
 * What --help prints. oclif's own usage line brackets flags together that do not need each
 * other, and keeps the line breaks of a description at every width.
 */
import { CommandHelp, Help, type Command } from '@oclif/core'

/** Columns; a longer name has a line of its own. */
const widestLabel = 30

class BootpackCommandHelp extends CommandHelp {
  /** What must be given; everything else is below, under FLAGS. */
  protected override defaultUsage(): string {
    const { args = {}, flags = {}, strict } = this.command
    const last = Object.keys(args).at(-1)
    const words = Object.entries(args)
      .filter(([, { hidden }]) => !hidden)
      .map(([name, { required }]) => {
        const word = `${name.toUpperCase()}${strict === false && name === last ? '...' : ''}`
        return required ? word : `[${word}]`
      })
    const needed = Object.values(flags)
      .filter(({ required, hidden }) => required && !hidden)
      .map((flag) => `--${flag.name}${flag.type === 'option' ? ` ${placeholderOf(flag)}` : ''}`)
    return ['<%= command.id %>', ...words, ...needed, '[FLAGS]'].join(' ')
  }

  /** Choices apart from each other, so that a line can end between them. */
  protected override flags(flags: Command.Flag.Any[]): [string, string | undefined][] | undefined {
    return super
      .flags(flags)
      ?.map(([left, right]) => [
        left,
        right?.replace(/<options: ([^>]+)>/, (_, words: string) => `<options: ${words.replaceAll('|', ' | ')}>`),
      ])
  }

  /** Two columns, whatever is in them: oclif gives up on them where a text is long, and then miscounts the width. */
  override renderList(rows: (string | undefined)[][], { indentation }: { indentation: number }): string {
    const width = Math.min(widestLabel, Math.max(...rows.map(([left = '']) => left.length)))
    return rows
      .flatMap(([left = '', right = '']) => {
        const lines = this.wrap(right.trim(), indentation + width + 2).split('\n')
        const first = left.length > width ? [left] : [`${left.padEnd(width)}  ${lines.shift()!.trim()}`.trimEnd()]
        return [...first, ...lines.map((line) => this.indent(line.trim(), width + 2))]
      })
      .join('\n')
  }

  protected override description(): string | undefined {
    const { summary, description } = this.command
    if (description === undefined) return undefined
    return this.wrap(this.render([...(summary === undefined ? [] : [summary]), reflowed(description)].join('\n\n')))
  }
}

const placeholderOf = (flag: {
  readonly helpValue?: string | string[]
  readonly options?: readonly string[]
}): string =>
  (Array.isArray(flag.helpValue) ? flag.helpValue.join(' ') : flag.helpValue) ?? flag.options?.join('|') ?? 'VALUE'

/** Lines of a paragraph become one, to be broken where the terminal ends; what is indented stays as it is. */
const reflowed = (text: string): string => text.replace(/(\S)\n(?=\S)/g, '$1 ')

export default class BootpackHelp extends Help {
  protected override CommandHelpClass = BootpackCommandHelp

  /** The summary, the first line of a text, comes as it is, and the terminal would break it in the middle of a word. */
  protected override log(...texts: string[]): void {
    super.log(...texts.map((text) => text.replace(/^\S[^\n]*/, (summary) => this.wrap(summary, 0))))
  }

  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp()
    this.log(this.wrap(`${this.config.bin} COMMAND -h says what a command does and takes, with examples.`))
    this.log('')
  }
}
