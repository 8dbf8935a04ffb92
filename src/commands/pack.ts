import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Flags, type Interfaces } from '@oclif/core'
import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { shutdownFlags, type Token } from '../cli/args/at-shutdown.js'
import type { OrderReport } from '../cli/session/give-order.js'
import { planningFlags, targetArgument, undoFileFlag } from '../cli/args/flags.js'
import { planOptions } from '../cli/args/planning.js'
import { usageError } from '../errors.js'
import type { ContentCheck, ContentHash } from '../pack/content-hashes.js'
import type { Progress } from '../cli/session/progress.js'
import type { PackResult } from '../pack/pack-volume.js'
import type { PlanOptions } from '../plan/create-plan.js'
import type { NextGain } from '../provision/next-gain.js'
import type { BootSet } from '../plan/resolve/boot-set.js'
import type { CopyReport, PackedCopy } from '../packed-copy/packed-copy.js'
import type { Plan } from '../plan/plan.js'
import type { Volume } from '../volume/volume.js'

type PackReport = Omit<PackResult, 'plan'> & {
  /** On a mounted filesystem. */
  readonly nextGain?: NextGain
  readonly contents?: ContentCheck
  /** With --to: the new image; absent when nothing was packed. */
  readonly copy?: CopyReport
  readonly plan: Omit<PackResult['plan'], 'rounds'>
}

type PackFlags = Interfaces.InferredFlags<typeof PackCommand.flags>

export default class PackCommand extends BootpackCommand {
  static override summary = 'Pack what a boot reads into one run, and measure before and after.'
  static override description = `Nothing is written when the plan predicts no gain (exit 4), unless --force:
no block, no plan, no page.
Exit codes: 0 all done, 3 done in part, 4 nothing to gain, 5 refused, 6
corrupt, 7 no space.`
  static override examples = [
    '<%= config.bin %> pack disk.img --trace boot.trace --evict',
    '<%= config.bin %> pack disk.img --trace files.txt --evict --dry-run',
    '<%= config.bin %> pack disk.img --trace boot.trace --evict --dry-run --report boot.html',
    '<%= config.bin %> pack disk.qcow2 --trace boot.trace --evict --to packed.qcow2',
    '<%= config.bin %> pack / --trace boot.trace --evict --inodes --at-shutdown',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    ...planningFlags,
    drifted: Flags.boolean({
      description:
        'bring back only what left the run since it was packed, and leave the rest where it is (bootpack check)',
      exclusive: ['goal', 'directory'],
    }),
    plan: Flags.string({
      description: 'with --drifted: the plan that packed it; without it the run is looked for',
      helpValue: 'PLAN',
      dependsOn: ['drifted'],
    }),
    'dry-run': Flags.boolean({ description: 'plan and predict, write nothing' }),
    'undo-file': undoFileFlag,
    check: Flags.boolean({
      description:
        'hash what the moved files hold, before and after; with -o the hashes are kept beside the plan, in PLAN.check.json',
    }),
    force: Flags.boolean({ description: 'pack even when no gain is predicted' }),
    output: Flags.string({
      char: 'o',
      description: 'keep the plan in this file, for verify and undo',
      helpValue: 'PLAN',
    }),
    to: Flags.string({
      description:
        'leave the target as it is, and write a packed copy to this new file; qcow2, VMDK, VHDX, VDI and others, too',
      helpValue: 'IMAGE',
      exclusive: ['undo-file', 'at-shutdown'],
    }),
    report: Flags.string({
      description: 'write an HTML page that shows before and after (docs/report.md)',
      helpValue: 'FILE',
    }),
    ...shutdownFlags,
  }

  async run(): Promise<PackReport | OrderReport> {
    const { args, flags, raw } = await this.parse(PackCommand)
    if (flags['at-shutdown']) return this.order(args.target, flags, raw)
    await needPlaces(args.target, flags)
    if (flags.to === undefined || flags['dry-run']) return this.pack(args.target, flags)
    const { PackedCopy } = await import('../packed-copy/packed-copy.js')
    const progress = this.progress('Looking at the image')
    const onStep = (step: string): ((done: number, total: number) => void) => {
      progress.step(step)
      return (done, total) => progress.update(done, total)
    }
    // Until the packing begins, Ctrl-C ends at once, and the copy goes with the process.
    const copy = await PackedCopy.begin(args.target, flags.to, { onStep })
    try {
      progress.end()
      const report = await this.pack(args.target, flags, copy)
      if (report.applied === undefined || report.applied.interrupted) {
        this.note(`${flags.to} was not written; ${args.target} is as it was.`)
        return report
      }
      const writing = this.progress('Writing the new image')
      const made = await copy.finish({
        signal: this.signal,
        onStep: (step) => {
          writing.step(step)
          return (done, total) => writing.update(done, total)
        },
      })
      writing.end()
      this.log(`\nThe packed image is ${made.path} (${made.format}); ${args.target} is as it was.`)
      for (const note of made.notes) this.log(note)
      return { ...report, copy: made }
    } finally {
      await copy.discard()
    }
  }

  private async pack(target: string, flags: PackFlags, copy?: PackedCopy): Promise<PackReport> {
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { packVolume },
      { dryReport },
      { writePlanFile, planWritten },
      { packReport },
      { shellWord },
    ] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/load-trace.js'),
      import('../pack/pack-volume.js'),
      import('../report/plan-summary.js'),
      import('../cli/args/plan-files.js'),
      import('../report/pack-report.js'),
      import('../text/shell-word.js'),
    ])
    const drifted = flags.drifted ? await this.driftedOptions(flags.plan) : undefined
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(flags.trace, flags.format)
    progress.step('Planning')
    const volume = await openTarget(
      copy?.work ?? target,
      {
        write: !flags['dry-run'],
        ...(copy && { overlay: copy.overlay, calledAs: target }),
        partition: flags.partition,
        undoFile: flags['undo-file'],
        onWaiting: (why) => this.note(why),
      },
      this.config,
    )
    // Then the undo file is there already, and has to be completed.
    if (flags['undo-file'] !== undefined) this.abortable()
    let recorded: readonly ContentHash[] | undefined
    let resolved: BootSet | undefined
    try {
      const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
      const result = await packVolume(volume, reads, {
        ...planOptions(target, flags),
        fit,
        ...(drifted && { drifted }),
        force: flags.force,
        dryRun: flags['dry-run'],
        signal: this.signal,
        onProgress: (done, total) => {
          progress.update(done, total)
          if (done === total) progress.step('Reading the layout back')
        },
        onPlan: async (plan, boot) => {
          resolved = boot
          if (flags.check && !flags['dry-run']) {
            progress.step('Hashing what will be moved')
            recorded = await (await import('../pack/content-hashes.js')).recordContents(plan, volume)
          }
          // Until here Ctrl-C ends at once, because nothing was written.
          if (!flags['dry-run']) this.abortable()
          if (flags.output !== undefined) {
            await writePlanFile(flags.output, plan)
            if (recorded)
              await (await import('../cli/args/check-files.js')).writeCheckFile(flags.output, plan, recorded)
          }
          if (!flags['dry-run']) progress.step('Moving blocks')
        },
      })
      if (recorded && result.applied) progress.step('Hashing what was moved')
      const contents = recorded && result.applied && (await compareFor(recorded, volume, result.plan))
      const next = resolved && (await this.nextGain(result, volume, resolved, planOptions(target, flags), progress))
      progress.end()
      const resume =
        flags.output === undefined
          ? 'To finish, pack again.'
          : `To finish: bootpack apply ${shellWord(flags.output)}. To go back: bootpack undo ${shellWord(flags.output)}.`
      this.log(flags['dry-run'] ? dryReport(result.plan, result.worthwhile || flags.force) : packReport(result, resume))
      if (flags['dry-run'] && flags.output !== undefined && resolved) this.log(`\n${planWritten(flags.output)}`)
      if (contents) this.log(`\n${(await import('../report/deep-report.js')).contentsReport(contents)}`)
      if (next) await this.nameNextGain(next, target, flags.trace)
      if (flags.report !== undefined && resolved) {
        const [{ packReportData }, { writeReportPage }] = await Promise.all([
          import('../cli/render/pack-page.js'),
          import('../cli/render/report-page.js'),
        ])
        await writeReportPage(
          flags.report,
          await packReportData({ target, traceName: flags.trace, trace, boot: resolved, result, volume }),
        )
      }
      this.end(contents?.different.some(({ change }) => change === 'changed') ? exitCode.corrupt : exitOf(result))
      const { rounds: _rounds, ...plan } = result.plan
      return { ...result, plan, ...(contents && { contents }), ...(next && { nextGain: next }) }
    } finally {
      progress.end()
      await volume.close()
    }
  }

  private async order(target: string, flags: PackFlags, tokens: readonly Token[]): Promise<OrderReport> {
    const [{ orderPack }, { orderText }, { loadTrace }] = await Promise.all([
      import('../cli/session/give-order.js'),
      import('../cli/render/shutdown-text.js'),
      import('../cli/args/load-trace.js'),
    ])
    const progress = this.progress('Reading the trace')
    const { packed } = flags.drifted ? await this.driftedOptions(flags.plan) : {}
    const trace = await loadTrace(flags.trace, flags.format)
    const report = await orderPack({
      target,
      trace,
      tokens,
      progress,
      options: {
        ...planOptions(target, flags),
        ...(flags.drifted && { drifted: packed ? { packed } : {} }),
        force: flags.force,
        dryRun: true,
      },
      drifted: flags.drifted,
      check: flags.check,
      anyTrace: flags['any-trace'],
      note: (sentence) => this.note(sentence),
      limit: flags['at-most'],
      config: this.config,
      ...(packed && { packed }),
      ...(flags.output !== undefined && { output: flags.output }),
    })
    progress.end()
    this.log(orderText(report))
    this.end(report.armed ? exitCode.done : exitCode.nothingToGain)
    return report
  }

  /** Only where something was packed while it was in use: then there is more to be had. */
  private async nextGain(
    { plan, applied, undone }: PackResult,
    volume: Volume,
    boot: BootSet,
    options: PlanOptions,
    progress: Progress,
  ): Promise<NextGain | undefined> {
    if (volume.atRest || !applied?.begun || applied.interrupted || undone) return undefined
    progress.step('Looking at what else could be gained')
    const [{ viewAgain }, { nextGain }, { sweepBounds }] = await Promise.all([
      import('../pack/boot-views.js'),
      import('../provision/next-gain.js'),
      import('../cli/args/preload-flags.js'),
    ])
    const { layout } = await viewAgain(boot, volume, plan)
    // What was deleted while it was packed is read by nobody.
    const there = {
      ...boot,
      layout,
      files: boot.files.filter((inode) => layout.has(inode)),
      through: boot.through.filter((inode) => layout.has(inode)),
      attributes: boot.attributes.filter((inode) => layout.has(inode)),
      reads: boot.reads.filter(({ kind, inode }) => kind === 'device' || layout.has(inode)),
    }
    return nextGain(volume, there, plan.goal.block, options, sweepBounds)
  }

  private async nameNextGain(gain: NextGain, target: string, trace: string): Promise<void> {
    const [{ nextGainText }, { shellWord }] = await Promise.all([
      import('../report/next-gain-text.js'),
      import('../text/shell-word.js'),
    ])
    const words = `${shellWord(target)} --trace ${shellWord(trace)}`
    const text = nextGainText(gain, {
      ...('at-shutdown' in PackCommand.flags && { atShutdown: `bootpack pack ${words} --at-shutdown` }),
      ...(isSystem(target) && { preload: `bootpack preload install ${words}` }),
    })
    if (text !== undefined) this.log(`\n${text}`)
  }

  private async driftedOptions(path: string | undefined): Promise<{ packed?: Plan }> {
    return path === undefined ? {} : { packed: await (await import('../cli/args/plan-files.js')).readPlanFile(path) }
  }
}

/** Whether a system boots from there, so that reading in advance has a place. */
const isSystem = (target: string): boolean =>
  ['etc/os-release', 'usr/lib/os-release'].some((name) => existsSync(join(target, name)))

interface PackOutputs {
  readonly trace: string
  readonly plan?: string | undefined
  readonly output?: string | undefined
  readonly report?: string | undefined
  readonly to?: string | undefined
  readonly check: boolean
}

/** Packing takes a while; that a file has no place is better said before. */
async function needPlaces(target: string, { trace, plan, output, report, to, check }: PackOutputs): Promise<void> {
  if (report === '-')
    throw usageError(
      'no-output',
      'The page needs a file: standard output has the figures.',
      'Name one, such as --report boot.html.',
    )
  if (output === '-')
    throw usageError(
      'no-output',
      'The plan needs a file: standard output has the figures.',
      'Name one, such as -o disk.plan.',
    )
  const [{ needOutputFolder }, { needOutputs }, { checkRecordPath }] = await Promise.all([
    import('../cli/args/collected-traces.js'),
    import('../cli/args/outputs.js'),
    import('../pack/contents-record.js'),
  ])
  for (const path of [output, report, to]) if (path !== undefined) needOutputFolder(path)
  await needOutputs(
    [
      { path: output, kind: 'plan' },
      { path: output !== undefined && check ? checkRecordPath(output) : undefined, kind: 'check' },
      { path: report, kind: 'page' },
    ],
    // The plan that packed it may be replaced by the one that mends it.
    [trace, target, ...(plan === output ? [] : [plan])],
  )
}

const compareFor = async (recorded: readonly ContentHash[], volume: Volume, plan: Plan): Promise<ContentCheck> =>
  (await import('../pack/content-hashes.js')).compareContents(recorded, volume, plan)

function exitOf({ worthwhile, applied }: PackResult): number {
  if (applied === undefined) return worthwhile ? exitCode.done : exitCode.nothingToGain
  if (applied.interrupted) return exitCode.interrupted
  return applied.complete ? exitCode.done : exitCode.partial
}
