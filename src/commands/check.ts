import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { planningFlags, targetArgument } from '../cli/args/flags.js'
import { planOptions } from '../cli/args/planning.js'
import { usageError } from '../errors.js'
import type { PackingCheck } from '../pack/check-packing.js'

// What is not part of a question: how much may be written, and where inodes go.
const { 'max-bytes': _limit, inodes: _inodes, ...planning } = planningFlags

export default class CheckCommand extends BootpackCommand {
  static override summary = 'Tell what has left a packed run, and whether packing again is worth it.'
  static override description = `Upgrades replace files, and the new ones lie elsewhere. This names them,
says what the next boot loses by it on a disk model, what it would cost to
bring them back and to pack anew, and whether either is worth its bytes: ten
boots must gain more time than the disk spends on the moves. Reads only.
Exit codes: 0 nothing to do, 3 drifted or not packed, and packing is worth
it.`
  static override examples = [
    '<%= config.bin %> check disk.img --trace boot.trace --evict',
    '<%= config.bin %> check / --trace boot.trace --plan packed.plan --top 20',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    ...planning,
    plan: Flags.string({ description: 'the plan that packed it; without it the run is looked for', helpValue: 'PLAN' }),
    disk: Flags.string({ description: 'the disk model to judge by', default: 'hdd-7200', helpValue: 'MODEL' }),
    top: Flags.integer({
      description: 'name so many of those that left',
      min: 1,
      max: 1_000_000,
      default: 10,
      helpValue: 'N',
    }),
  }

  async run(): Promise<PackingCheck> {
    const { args, flags } = await this.parse(CheckCommand)
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { checkPacking },
      { checkReport },
      { readPlanFile },
      { diskModels, findDisk },
    ] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/load-trace.js'),
      import('../pack/check-packing.js'),
      import('../report/check-report.js'),
      import('../cli/args/plan-files.js'),
      import('../measure/disk-model.js'),
    ])
    const disk = findDisk(flags.disk)
    if (!disk) {
      throw usageError(
        'no-such-disk',
        `There is no disk model ${flags.disk}.`,
        `There are: ${diskModels.map(({ name }) => name).join(', ')}.`,
      )
    }
    const packed = flags.plan === undefined ? undefined : await readPlanFile(flags.plan)
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(flags.trace, flags.format)
    progress.step('Looking at the layout')
    const volume = await openTarget(args.target, { write: false, partition: flags.partition }, this.config)
    try {
      progress.step('Comparing layouts')
      const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
      const checked = await checkPacking(volume, reads, {
        fit,
        ...planOptions(args.target, { ...flags, inodes: false }),
        disk,
        ...(packed && { packed }),
      })
      progress.end()
      this.log(checkReport(checked, flags.top))
      this.end(checked.verdict === 'leave' ? exitCode.done : exitCode.partial)
      return checked
    } finally {
      progress.end()
      await volume.close()
    }
  }
}
