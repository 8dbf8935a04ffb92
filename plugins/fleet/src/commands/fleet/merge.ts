import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { usageError } from 'bootpack/engine'
import { count } from 'bootpack/text'
import { engineFlags, memoryFlag } from '../../cli/engine-flags.js'
import { checkDay } from '../../cli/days.js'

export interface FleetMerge {
  readonly image: string
  readonly boots: number
  readonly minSupport: number
  readonly reads: number
  /** Distinct reads of all boots. */
  readonly shapes: number
  readonly engine: string
}

export default class FleetMergeCommand extends BootpackCommand {
  static override summary = "Merge a fleet's boots of one image into a profile to pack the next one by."
  static override description = `Keeps what at least --min-support of the boots read (default: more than half),
in the order of the median rank: what trace merge does, for any number of
boots. Boots of one image only: numbers of inodes and places on the disk
mean nothing on another.`
  static override examples = [
    '<%= config.bin %> fleet merge fleet/ --image router-2026.11 -o profile.trace',
    '<%= config.bin %> fleet merge fleet/ --image router-2026.11 --min-support 80% -o profile.trace',
    '<%= config.bin %> fleet merge --engine clickhouse --url http://localhost:8123 --image router-2026.11 -o profile.trace',
  ]
  static override args = {
    dir: Args.string({ description: 'the folder of the fleet, or s3://BUCKET/PREFIX; none with servers' }),
  }
  static override flags = {
    image: Flags.string({ description: 'what was booted', required: true, helpValue: 'ID' }),
    output: Flags.string({ char: 'o', description: 'the trace to write', required: true, helpValue: 'OUT' }),
    'min-support': Flags.string({
      description: 'boots a read must be in: a number, or a share of them',
      helpValue: 'N|%',
    }),
    since: Flags.string({ description: 'only boots recorded on this day or later', helpValue: 'YYYY-MM-DD' }),
    memory: memoryFlag,
    ...engineFlags,
  }

  async run(): Promise<FleetMerge> {
    const { args, flags } = await this.parse(FleetMergeCommand)
    this.needOneOutput(flags.output)
    const minSupport = supportWanted(flags['min-support'])
    checkDay(flags.since)
    const [{ openEngine }, { mergeFleet }, { writeTrace }] = await Promise.all([
      import('../../cli/engine-flags.js'),
      import('../../merge/merge-fleet.js'),
      import('bootpack'),
    ])
    const progress = this.progress('Opening the fleet')
    const engine = await openEngine(args.dir, flags, flags.memory)
    try {
      const merged = await mergeFleet(engine, {
        image: flags.image,
        ...(flags.since === undefined ? {} : { since: flags.since }),
        ...(minSupport === undefined ? {} : { minSupport }),
        onStep: (step) => progress.step(step),
      })
      await writeTrace(flags.output, merged.trace)
      progress.end()
      const { boots, shapes, trace } = merged
      if (flags.output !== '-')
        this.log(
          `${count(trace.reads.length)} reads that at least ${count(merged.minSupport)} of ${count(boots)} boots share, written to ${flags.output}.`,
        )
      const reads = trace.reads.length
      return { image: flags.image, boots, minSupport: merged.minSupport, reads, shapes, engine: engine.name }
    } finally {
      await engine.close()
    }
  }
}

function supportWanted(given: string | undefined): number | { share: number } | undefined {
  if (given === undefined) return undefined
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(given) ?? []
  const value = Number(number)
  if (number !== undefined && percent === '%' && value > 0 && value <= 100) return { share: value / 100 }
  if (number !== undefined && percent === '' && Number.isInteger(value) && value > 0) return value
  throw usageError(
    'bad-support',
    `${JSON.stringify(given)} is neither a number of boots nor a share of them.`,
    'Give 25, or 60%.',
  )
}
