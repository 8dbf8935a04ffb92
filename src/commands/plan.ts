import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { planningFlags, targetArgument } from '../cli/args/flags.js'
import { planOptions } from '../cli/args/planning.js'
import { usageError } from '../errors.js'
import type { Plan } from '../plan/plan.js'

export default class PlanCommand extends BootpackCommand {
  static override summary = "Decide where a boot's blocks should go, and write nothing."
  static override description = `Prints what packing would do, what it would cost and what it would gain.
With -o the plan goes to a file that bootpack apply carries out. Exit 4 when
nothing would be gained: then no plan is written.`
  static override examples = [
    '<%= config.bin %> plan disk.img --trace boot.trace --evict -o disk.plan',
    '<%= config.bin %> plan disk.img --trace files.txt -r /usr/lib --json',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    ...planningFlags,
    output: Flags.string({ char: 'o', description: 'write the plan to this file', helpValue: 'PLAN' }),
  }

  async run(): Promise<Plan> {
    const { args, flags } = await this.parse(PlanCommand)
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { createPlan },
      { dryReport },
      { writePlanFile, planWritten },
      { needOutputs },
    ] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/load-trace.js'),
      import('../plan/create-plan.js'),
      import('../report/plan-summary.js'),
      import('../cli/args/plan-files.js'),
      import('../cli/args/outputs.js'),
    ])
    if (flags.output === '-')
      throw usageError(
        'no-output',
        'The plan needs a file: standard output has the summary.',
        'Name one, such as -o disk.plan; --json prints the plan instead.',
      )
    await needOutputs([{ path: flags.output, kind: 'plan' }], [flags.trace, args.target])
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(flags.trace, flags.format)
    progress.step('Planning')
    const volume = await openTarget(args.target, { write: false, partition: flags.partition }, this.config)
    try {
      const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
      const { plan, worthwhile } = await createPlan(volume, reads, { ...planOptions(args.target, flags), fit })
      if (worthwhile && flags.output !== undefined) await writePlanFile(flags.output, plan)
      progress.end()
      this.log(dryReport(plan, worthwhile))
      if (!worthwhile) this.end(exitCode.nothingToGain)
      else if (flags.output !== undefined) this.log(`\n${planWritten(flags.output)}`)
      return plan
    } finally {
      progress.end()
      await volume.close()
    }
  }
}
