import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/base-command.js'
import { planningFlags, targetArgument, undoFileFlag } from '../cli/flags.js'
import { planOptions } from '../cli/planning.js'
import type { PackResult } from '../pack/pack-volume.js'

type PackReport = Omit<PackResult, 'plan'> & { readonly plan: Omit<PackResult['plan'], 'rounds'> }

export default class PackCommand extends BootpackCommand {
  static override summary = 'Pack what a boot reads into one run: plan, apply, verify, and measure before and after.'
  static override description = `Nothing is written when the plan predicts no gain (exit 4), unless --force.
Exit codes: 0 all done, 3 done in part, 4 nothing to gain, 5 refused, 6 corrupt, 7 no space.`
  static override examples = [
    '<%= config.bin %> pack disk.img --trace boot.trace --evict',
    '<%= config.bin %> pack disk.img --trace files.txt --evict --dry-run',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    ...planningFlags,
    'dry-run': Flags.boolean({ description: 'plan and predict, write nothing' }),
    'undo-file': undoFileFlag,
    force: Flags.boolean({ description: 'pack even when no gain is predicted' }),
    output: Flags.string({ char: 'o', description: 'keep the plan in this file, for verify and undo', helpValue: 'PLAN' }),
  }

  async run(): Promise<PackReport> {
    const { args, flags } = await this.parse(PackCommand)
    const [{ openTarget }, { loadTrace }, { packVolume }, { planSummary }, { writePlanFile }, { packReport }, { Progress }] = await Promise.all([
      import('../cli/open-target.js'), import('../cli/load-trace.js'), import('../pack/pack-volume.js'),
      import('../report/plan-summary.js'), import('../cli/plan-files.js'), import('../report/pack-report.js'), import('../cli/progress.js'),
    ])
    const trace = await loadTrace(flags.trace, flags.format)
    const volume = await openTarget(args.target, { write: !flags['dry-run'], partition: flags.partition, undoFile: flags['undo-file'] })
    const progress = new Progress('Moving blocks')
    try {
      this.abortable()
      const result = await packVolume(volume, trace.reads, {
        ...planOptions(args.target, flags),
        force: flags.force,
        dryRun: flags['dry-run'],
        signal: this.signal,
        onProgress: (done, total) => progress.update(done, total),
        onPlan: async (plan) => {
          if (flags.output !== undefined) await writePlanFile(flags.output, plan)
        },
      })
      progress.end()
      this.log(flags['dry-run'] ? planSummary(result.plan) : packReport(result))
      this.end(exitOf(result))
      const { rounds: _rounds, ...plan } = result.plan
      return { ...result, plan }
    } finally {
      progress.end()
      await volume.close()
    }
  }
}

function exitOf({ worthwhile, applied }: PackResult): number {
  if (applied === undefined) return worthwhile ? exitCode.done : exitCode.nothingToGain
  if (applied.interrupted) return exitCode.interrupted
  return applied.complete ? exitCode.done : exitCode.partial
}
