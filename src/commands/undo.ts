import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { shutdownFlags, type Token } from '../cli/args/at-shutdown.js'
import type { OrderReport } from '../cli/session/give-order.js'
import { undoFileFlag } from '../cli/args/flags.js'
import type { ApplyResult } from '../pack/apply-plan.js'

export default class UndoCommand extends BootpackCommand {
  static override summary = 'Put every block a plan moved back where it came from.'
  static override description = 'What cannot go back, because its old place was taken since, is listed (exit 3).'
  static override examples = ['<%= config.bin %> undo disk.plan']
  static override args = { plan: Args.string({ description: 'the plan that was applied', required: true }) }
  static override flags = {
    'undo-file': undoFileFlag,
    target: Flags.string({
      description: 'the filesystem, if it is no longer where the plan says',
      helpValue: 'TARGET',
    }),
    ...shutdownFlags,
  }

  async run(): Promise<ApplyResult | OrderReport> {
    const { args, flags, raw } = await this.parse(UndoCommand)
    if (flags['at-shutdown']) return this.order(args.plan, flags['at-most'], raw)
    const [{ openTarget }, { readPlanFile }, { undoPlan }, { undoReport }, { shellWord }] = await Promise.all([
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
      progress.step('Moving blocks back')
      const result = await undoPlan(plan, volume, {
        signal: this.signal,
        onProgress: (done, total) => progress.update(done, total),
      })
      progress.end()
      this.log(
        undoReport(
          result,
          `To go on: bootpack undo ${shellWord(args.plan)}. To put the plan in place again: bootpack apply ${shellWord(args.plan)}.`,
        ),
      )
      this.end(result.interrupted ? exitCode.interrupted : result.complete ? exitCode.done : exitCode.partial)
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
    const report = await orderPlan({ command: 'undo', plan, limit, tokens, progress, config: this.config })
    progress.end()
    this.log(orderText(report))
    return report
  }
}
