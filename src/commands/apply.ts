import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { shutdownFlags, type Token } from '../cli/args/at-shutdown.js'
import type { OrderReport } from '../cli/session/give-order.js'
import { undoFileFlag } from '../cli/args/flags.js'
import type { ApplyResult } from '../pack/apply-plan.js'

export default class ApplyCommand extends BootpackCommand {
  static override summary = 'Carry out a plan, or finish one that was interrupted.'
  static override description = `A plan made for another filesystem, or for files that were moved since by
somebody else, is refused (exit 5).`
  static override examples = [
    '<%= config.bin %> apply disk.plan',
    '<%= config.bin %> apply disk.plan --target /dev/sdb1',
  ]
  static override args = { plan: Args.string({ description: 'a plan written by bootpack plan', required: true }) }
  static override flags = {
    'undo-file': undoFileFlag,
    target: Flags.string({
      description: 'the filesystem, if it is no longer where the plan says',
      helpValue: 'TARGET',
    }),
    force: Flags.boolean({ description: 'apply even when no gain is predicted' }),
    ...shutdownFlags,
  }

  async run(): Promise<ApplyResult | OrderReport> {
    const { args, flags, raw } = await this.parse(ApplyCommand)
    if (flags['at-shutdown']) return this.order(args.plan, flags['at-most'], raw)
    const [{ openTarget }, { readPlanFile }, { applyPlan }, { applyReport }, { shellWord }] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/plan-files.js'),
      import('../pack/apply-plan.js'),
      import('../report/pack-report.js'),
      import('../text/shell-word.js'),
    ])
    const progress = this.progress('Reading the plan')
    const plan = await readPlanFile(args.plan)
    const volume = await openTarget(
      flags.target ?? plan.volume.target,
      {
        write: true,
        partition: plan.volume.partition,
        undoFile: flags['undo-file'],
        onWaiting: (why) => this.note(why),
      },
      this.config,
    )
    try {
      this.abortable()
      progress.step('Moving blocks')
      const result = await applyPlan(plan, volume, {
        force: flags.force,
        signal: this.signal,
        onProgress: (done, total) => progress.update(done, total),
      })
      progress.end()
      this.log(
        applyReport(
          result,
          `To finish: bootpack apply ${shellWord(args.plan)}. To go back: bootpack undo ${shellWord(args.plan)}.`,
        ),
      )
      this.end(
        !result.begun
          ? exitCode.nothingToGain
          : result.interrupted
            ? exitCode.interrupted
            : result.complete
              ? exitCode.done
              : exitCode.partial,
      )
      return result
    } finally {
      progress.end()
      await volume.close()
    }
  }

  private async order(path: string, limit: number, tokens: readonly Token[]): Promise<OrderReport> {
    const [{ orderPlan }, { orderText }, { readPlanFile }] = await Promise.all([
      import('../cli/session/give-order.js'),
      import('../cli/render/shutdown-text.js'),
      import('../cli/args/plan-files.js'),
    ])
    const progress = this.progress('Reading the plan')
    const plan = await readPlanFile(path)
    const report = await orderPlan({ command: 'apply', plan, limit, tokens, progress, config: this.config })
    progress.end()
    this.log(orderText(report))
    return report
  }
}
