import { Args } from '@oclif/core'
import { BootpackCommand } from '../cli/session/base-command.js'

interface CompletionReport {
  readonly shell: string
  readonly script: string
}

export default class CompletionCommand extends BootpackCommand {
  static override summary = 'Print a completion script for a shell.'
  static override description = `For bootpack and e4defrag. The script is complete in itself: it starts no
program and keeps no cache. docs/install.md says where each shell looks for
it.`
  static override examples = [
    '<%= config.bin %> completion bash',
    '<%= config.bin %> completion zsh',
    '<%= config.bin %> completion fish',
  ]
  static override args = {
    shell: Args.string({ description: 'bash, zsh or fish', options: ['bash', 'zsh', 'fish'], required: true }),
  }

  async run(): Promise<CompletionReport> {
    const { args } = await this.parse(CompletionCommand)
    const [{ commandTable }, { bashCompletion }, { zshCompletion }, { fishCompletion }] = await Promise.all([
      import('../cli/generated/command-table.js'),
      import('../cli/generated/completion/bash.js'),
      import('../cli/generated/completion/zsh.js'),
      import('../cli/generated/completion/fish.js'),
    ])
    const make = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[
      args.shell as 'bash' | 'zsh' | 'fish'
    ]
    const topics = new Map(this.config.topics.map(({ name, description }) => [name, description ?? '']))
    const script = make(commandTable(this.config.commands, this.config.bin), topics)
    if (!this.jsonEnabled()) process.stdout.write(script)
    return { shell: args.shell, script }
  }
}
