import { BootpackError } from 'bootpack'
import { Args, BootpackCommand, Flags, openTarget } from 'bootpack/cli'
import { fsBlock } from 'bootpack/engine'
import { bytes, count, table } from 'bootpack/text'

interface Run {
  readonly start: number
  readonly length: number
}

/** `bootpack free-runs disk.img`: --json, --quiet, progress and errors come from BootpackCommand. */
export default class FreeRuns extends BootpackCommand {
  static override summary = 'Show the longest runs of free blocks.'
  static override examples = ['<%= config.bin %> free-runs disk.img --count 3']
  static override args = { target: Args.string({ description: 'image, device or mount point', required: true }) }
  static override flags = { count: Flags.integer({ description: 'how many', default: 10 }) }

  async run(): Promise<{ readonly runs: readonly Run[] }> {
    const { args, flags } = await this.parse(FreeRuns)
    if (flags.count < 1)
      throw new BootpackError('usage', 'free-runs/bad-count', 'There is no run to show.', { next: 'Ask for one.' })
    const volume = await openTarget(args.target, { write: false }, this.config)
    try {
      const { blockSize, blockCount, firstDataBlock } = volume.geometry()
      const free = await volume.freeRuns(fsBlock(firstDataBlock), fsBlock(blockCount))
      const runs = [...free].sort((a, b) => b.length - a.length).slice(0, flags.count)
      this.log(
        table(
          ['from block', 'blocks', 'size'],
          runs.map(({ start, length }) => [count(start), count(length), bytes(length * blockSize)]),
        ),
      )
      return { runs }
    } finally {
      await volume.close()
    }
  }
}
