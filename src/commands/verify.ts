import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/base-command.js'
import type { Verification } from '../pack/verify-plan.js'

export default class VerifyCommand extends BootpackCommand {
  static override summary = 'Compare the disk with what a plan wants.'
  static override description = 'Exit 0 when every block lies where the plan puts it, 3 when some do not.'
  static override examples = ['<%= config.bin %> verify disk.plan']
  static override args = { plan: Args.string({ description: 'a plan', required: true }) }
  static override flags = {
    target: Flags.string({ description: 'the filesystem, if it is no longer where the plan says', helpValue: 'TARGET' }),
  }

  async run(): Promise<Verification> {
    const { args, flags } = await this.parse(VerifyCommand)
    const [{ openTarget }, { readPlanFile }, { verifyPlan }, { verifyReport }] = await Promise.all([
      import('../cli/open-target.js'), import('../cli/plan-files.js'), import('../pack/verify-plan.js'), import('../report/pack-report.js'),
    ])
    const plan = await readPlanFile(args.plan)
    const volume = await openTarget(flags.target ?? plan.volume.target, { write: false, partition: plan.volume.partition })
    try {
      const result = await verifyPlan(plan, volume)
      this.log(verifyReport(result))
      this.end(result.complete ? exitCode.done : exitCode.partial)
      return result
    } finally {
      await volume.close()
    }
  }
}
