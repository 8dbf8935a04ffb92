import { Flags } from '@oclif/core'
import { BootpackCommand } from '../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, targetArgument } from '../cli/args/flags.js'
import { refused } from '../errors.js'
import { fsBlock } from '../layout/block.js'
import type { DiskLayout } from '../layout/file-layout.js'
import { RunSet } from '../layout/run-set.js'
import type { DiskContents } from '../report/disk-map.js'
import type { Volume } from '../volume/volume.js'

interface MapReport {
  readonly blockCount: number
  readonly blockSize: number
  readonly freeBlocks: number
  readonly freeRuns: number
  readonly bootBlocks: number
  readonly bootRuns: number
  readonly map: readonly string[]
  readonly after?: readonly string[]
}

export default class MapCommand extends BootpackCommand {
  static override summary = 'Show the disk as a picture in the terminal.'
  static override description = `With a trace, where the boot reads lie; with --plan, before and after it.
In colour on a terminal, in plain characters elsewhere or with NO_COLOR.`
  static override examples = [
    '<%= config.bin %> map disk.img --trace boot.trace',
    '<%= config.bin %> map disk.img --trace boot.trace --plan disk.plan',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    trace: Flags.string({ char: 't', description: 'boot trace, or a list of paths in read order', helpValue: 'FILE' }),
    format: formatFlag,
    'any-trace': anyTraceFlag,
    partition: partitionFlag,
    plan: Flags.string({
      description: 'also show the disk as it will be after this plan',
      helpValue: 'PLAN',
      dependsOn: ['trace'],
    }),
    width: Flags.integer({
      description: 'columns (default: those of the terminal, at most 120)',
      min: 10,
      max: 1000,
      helpValue: 'N',
    }),
    rows: Flags.integer({ description: 'rows', default: 12, min: 1, max: 1000, helpValue: 'N' }),
  }

  async run(): Promise<MapReport> {
    const { args, flags } = await this.parse(MapCommand)
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { resolveTrace },
      { refuseMisfit },
      { diskMap, mapLegend },
      { readPlanFile },
      { layoutAfter },
      { count, bytes },
    ] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/load-trace.js'),
      import('../plan/resolve/boot-set.js'),
      import('../plan/resolve/trace-fit.js'),
      import('../report/disk-map.js'),
      import('../cli/args/plan-files.js'),
      import('../plan/predict.js'),
      import('../text/units.js'),
    ])
    const style = {
      width: (flags.width ?? Math.min(120, process.stdout.columns ?? 80)) - 2,
      rows: flags.rows,
      colour: process.stdout.isTTY && !process.env['NO_COLOR'],
    }
    const progress = this.progress('Reading the disk')
    const plan = flags.plan === undefined ? undefined : await readPlanFile(flags.plan)
    const volume = await openTarget(args.target, { write: false, partition: flags.partition }, this.config)
    try {
      const { blockCount, blockSize, uuid } = volume.geometry()
      if (plan && plan.volume.uuid !== uuid)
        throw refused('other-volume', 'The plan is for another filesystem.', 'Name the one it was made for.')
      let layout: DiskLayout = new Map()
      if (flags.trace !== undefined) {
        const trace = await loadTrace(flags.trace, flags.format)
        const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
        const boot = await resolveTrace(reads, volume)
        refuseMisfit(boot, fit)
        ;({ layout } = boot)
      }
      const before = await contentsOf(volume, layout)
      const map = diskMap(before, style)
      progress.end()
      this.log(`${plan ? 'before\n' : ''}${map.join('\n')}`)
      let after: string[] | undefined
      if (plan) {
        const moved = plan.rounds.flat()
        const free = before.free.clone()
        for (const round of plan.rounds) {
          for (const { to, length } of round) free.remove({ start: to, length })
          for (const { from, length } of round) free.add({ start: from, length })
        }
        after = diskMap(
          { ...before, free, boot: blocksOfLayout(layoutAfter(layout, plan.rounds, volume.capabilities.treeGrowth)) },
          style,
        )
        this.log(`after (${count(moved.length)} moves)\n${after.join('\n')}`)
      }
      this.log(
        `${mapLegend(before, blockSize, style)}\n${bytes(before.free.blocks * blockSize)} free in ${count(before.free.size)} pieces, the longest ${bytes((before.free.longest()?.length ?? 0) * blockSize)}`,
      )
      return {
        blockCount,
        blockSize,
        freeBlocks: before.free.blocks,
        freeRuns: before.free.size,
        bootBlocks: before.boot.blocks,
        bootRuns: before.boot.size,
        map,
        ...(after && { after }),
      }
    } finally {
      progress.end()
      await volume.close()
    }
  }
}

async function contentsOf(volume: Volume, layout: DiskLayout): Promise<DiskContents> {
  const { blockCount, firstDataBlock, fixedRuns } = volume.geometry()
  const free = RunSet.of(await volume.freeRuns(fsBlock(firstDataBlock), fsBlock(blockCount)))
  return { blockCount, free, boot: blocksOfLayout(layout), fixed: RunSet.of(fixedRuns) }
}

const blocksOfLayout = (layout: DiskLayout): RunSet =>
  RunSet.of(
    [...layout.values()].flatMap(({ extents, tree }) => [
      ...extents.map(({ physical, length }) => ({ start: physical, length })),
      ...tree.map((start) => ({ start, length: 1 })),
    ]),
  )
