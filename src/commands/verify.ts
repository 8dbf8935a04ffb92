import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import type { Progress } from '../cli/session/progress.js'
import type { DeepVerification } from '../pack/check-contents.js'
import type { Verification } from '../pack/verify-plan.js'
import type { Plan } from '../plan/plan.js'
import type { Volume } from '../volume/volume.js'

export default class VerifyCommand extends BootpackCommand {
  static override summary = 'Compare the disk with what a plan wants.'
  static override description = `With --deep also: whether the moved files hold what "pack --check" recorded
beside the plan, and whether every block of the filesystem is free or has
exactly one owner.
Exit 0 when every block lies where the plan puts it, 3 when some do not (or
a file was written to since), 6 when contents or owners are wrong.`
  static override examples = ['<%= config.bin %> verify disk.plan', '<%= config.bin %> verify --deep disk.plan']
  static override args = { plan: Args.string({ description: 'a plan', required: true }) }
  static override flags = {
    deep: Flags.boolean({ description: 'check contents and the owner of every block too' }),
    target: Flags.string({
      description: 'the filesystem, if it is no longer where the plan says',
      helpValue: 'TARGET',
    }),
  }

  async run(): Promise<Verification | DeepVerification> {
    const { args, flags } = await this.parse(VerifyCommand)
    const [{ openTarget }, { readPlanFile }, { verifyPlan }, { verifyReport }] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/plan-files.js'),
      import('../pack/verify-plan.js'),
      import('../report/pack-report.js'),
    ])
    const progress = this.progress('Reading the plan')
    const plan = await readPlanFile(args.plan)
    progress.step(flags.deep ? 'Reading contents and owners' : 'Reading the layout')
    const volume = await openTarget(
      flags.target ?? plan.volume.target,
      { write: false, partition: plan.volume.partition },
      this.config,
    )
    try {
      if (flags.deep) return await this.deep(args.plan, plan, volume, progress)
      const result = await verifyPlan(plan, volume)
      progress.end()
      this.log(verifyReport(result))
      this.end(result.complete ? exitCode.done : exitCode.partial)
      return result
    } finally {
      progress.end()
      await volume.close()
    }
  }

  private async deep(path: string, plan: Plan, volume: Volume, progress: Progress): Promise<DeepVerification> {
    const [{ readCheckFile }, { deepVerify }, { deepReport }, { verifyReport }] = await Promise.all([
      import('../cli/args/check-files.js'),
      import('../pack/check-contents.js'),
      import('../report/deep-report.js'),
      import('../report/pack-report.js'),
    ])
    const result = await deepVerify(plan, volume, await readCheckFile(path, plan))
    progress.end()
    this.log(`${verifyReport(result)}\n${deepReport(result)}`)
    const whole = result.complete && (result.contents?.different.length ?? 0) === 0
    this.end(result.damaged ? exitCode.corrupt : whole ? exitCode.done : exitCode.partial)
    return result
  }
}
