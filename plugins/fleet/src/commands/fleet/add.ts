import { Args, Flags } from '@oclif/core'
import { exitCode } from 'bootpack'
import { BootpackCommand } from 'bootpack/cli'
import { usageError } from 'bootpack/engine'
import { count } from 'bootpack/text'
import { engineFlags } from '../../cli/engine-flags.js'
import type { Added } from '../../store/add.js'

export interface FleetAdd extends Added {
  /** Traces that could not be read, and why. */
  readonly failed: readonly { readonly file: string; readonly reason: string }[]
}

export default class FleetAddCommand extends BootpackCommand {
  static override summary = 'Add the traces of boots to a fleet.'
  static override description = `Boots are kept as Parquet in batches of hundreds, below DIR, for any database
that reads it (docs/fleet.md); several may add at once. A boot that is there
already is not added again.

Files below /home and /var are left out, and machines are known only by a
keyed hash: the key lies in DIR/machine.key and need not leave this machine.
With a server there is no DIR; the key is BOOTPACK_FLEET_KEY.`
  static override examples = [
    '<%= config.bin %> fleet add fleet/ --image router-2026.11 "boots/may/*.trace.gz"',
    '<%= config.bin %> fleet add fleet/ --image router-2026.11 --machine $(hostname) boot.trace',
    '<%= config.bin %> fleet add --engine clickhouse --url http://localhost:8123 --image router-2026.11 "boots/*.trace"',
  ]
  static override strict = false
  static override args = {
    dir: Args.string({
      description: 'the folder of the fleet, then traces; quoted patterns are expanded',
      required: true,
    }),
  }
  static override flags = {
    image: Flags.string({ description: 'what was booted; by default what the trace says', helpValue: 'ID' }),
    machine: Flags.string({
      description: 'the machine that booted; by default what the trace says',
      helpValue: 'NAME',
    }),
    exclude: Flags.string({
      description: 'leave out files below this folder, too',
      multiple: true,
      helpValue: 'FOLDER',
    }),
    'keep-private': Flags.boolean({ description: 'keep files below /home and /var' }),
    batch: Flags.integer({
      description: 'boots a batch has at most',
      default: 500,
      min: 1,
      max: 10_000,
      helpValue: 'N',
    }),
    ...engineFlags,
  }

  async run(): Promise<FleetAdd> {
    const { argv, flags } = await this.parse(FleetAddCommand)
    const words = argv as string[]
    const folder = flags.engine === 'duckdb' ? words[0] : undefined
    const patterns = folder === undefined ? words : words.slice(1)
    if (patterns.length === 0)
      throw usageError(
        'no-traces',
        'There is no trace to add.',
        'Name traces after the folder: bootpack fleet add fleet/ --image ID boots/*.trace',
      )
    const { addTraces } = await import('../../cli/add-traces.js')
    this.abortable()
    const progress = this.progress('Adding boots')
    const added = await addTraces(folder, patterns, {
      ...flags,
      signal: this.signal,
      onBoot: (done, total) => progress.update(done, total),
    })
    progress.end()
    for (const { file, reason } of added.failed) process.stderr.write(`Not added: ${file}: ${reason}\n`)
    this.log(summary(added))
    if (this.signal.aborted) this.end(exitCode.interrupted)
    else if (added.failed.length > 0) this.end(exitCode.partial)
    return added
  }
}

function summary({ boots, reads, known, private: left }: FleetAdd): string {
  const more = [
    ...(known > 0 ? [`${count(known)} were there already`] : []),
    ...(left > 0 ? [`${count(left)} reads of private files were left out`] : []),
  ]
  return `${count(boots)} boot${boots === 1 ? '' : 's'} added, ${count(reads)} reads${more.map((each) => `; ${each}`).join('')}.`
}
