import { Args, Flags } from '@oclif/core'
import { exitCode } from 'bootpack'
import { BootpackCommand } from 'bootpack/cli'
import { usageError } from 'bootpack/engine'
import type { FileOutcome } from '../fsr/outcome.js'
import type { Totals } from '../fsr/lines.js'

interface FsrReport {
  readonly totals: Totals
  /** Every file that was reorganised, failed, or was left alone for a reason of its own. */
  readonly files: readonly FileOutcome[]
  readonly passes?: number
  readonly ended?: string
}

/** So that a report of a large filesystem still fits into memory. */
const mostFiles = 100_000

export default class FsrCommand extends BootpackCommand {
  static override summary = 'Reorganise files on mounted XFS filesystems, as xfs_fsr does.'
  static override description = `Without targets: pass after pass over all mounted XFS filesystems, the worst
tenth of the files first, until time is up; the next run goes on where this
one ended. With targets: files, directories, mount points or devices, each
once.

Contents never change. A file that is locked, immutable, append-only, marked
as not to be defragmented, mapped or changed meanwhile is left as it is.
Exit codes: 0 done, 3 some files failed, 4 nothing to gain, 5 refused.`
  static override examples = [
    '<%= config.bin %> fsr',
    '<%= config.bin %> fsr -v /srv/database.db',
    '<%= config.bin %> fsr --near /usr/bin /usr/lib/libc.so.6',
  ]
  static override strict = false
  static override args = {
    target: Args.string({ description: 'file, directory, mount point or block device; several may be given' }),
  }
  static override flags = {
    time: Flags.integer({
      char: 't',
      description: 'seconds to run at most, without targets',
      helpValue: 'SECONDS',
      default: 7200,
      min: 0,
    }),
    passes: Flags.integer({
      char: 'p',
      description: 'passes over each filesystem, without targets',
      helpValue: 'PASSES',
      default: 10,
      min: 1,
    }),
    'left-off': Flags.string({
      char: 'f',
      description: 'where a run notes how far it came',
      helpValue: 'LEFTOFF',
      default: '/var/tmp/.fsrlast_xfs',
    }),
    verbose: Flags.boolean({ char: 'v', description: 'name the files that are left alone, and why' }),
    debug: Flags.boolean({ char: 'd', description: 'tell what is offered for each file, on stderr' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'tell which files could be better, change nothing' }),
    near: Flags.string({
      description: 'move the files into the allocation group of this directory, as near to it as the kernel puts them',
      helpValue: 'DIR',
    }),
  }

  async run(): Promise<FsrReport> {
    const { argv, flags } = await this.parse(FsrCommand)
    const targets = argv as string[]
    if (flags.near !== undefined && targets.length === 0)
      throw usageError('no-target', '--near needs files to move.', 'Name them.')
    const [{ runAll }, { blockOfDirectory, runTarget }, { addOutcome, noTotals, outcomeLine, totalsLine }] =
      await Promise.all([import('../fsr/all-filesystems.js'), import('../fsr/targets.js'), import('../fsr/lines.js')])
    this.abortable()
    const progress = this.progress('Looking at files')
    const totals = noTotals()
    const files: FileOutcome[] = []
    const onOutcome = (outcome: FileOutcome): void => {
      addOutcome(totals, outcome)
      if (outcome.code !== 'already-best' && files.length < mostFiles) files.push(outcome)
      const line = outcomeLine(outcome, flags.verbose || flags.debug)
      if (line !== undefined) this.log(line)
    }
    const workshop = {
      dryRun: flags['dry-run'],
      ...(flags.near !== undefined && { near: (await blockOfDirectory(flags.near)).block }),
      ...(flags.debug && { onDetail: (text: string) => process.stderr.write(`${text}\n`) }),
    }
    if (targets.length > 0) {
      for (const target of targets) {
        if (!this.signal.aborted) await runTarget(target, { workshop, signal: this.signal, onOutcome })
      }
      this.finish(totals, totalsLine(totals), progress)
      return { totals, files }
    }
    const { passes, why } = await runAll({
      seconds: flags.time,
      passes: flags.passes,
      leftOff: flags['left-off'],
      workshop,
      signal: this.signal,
      onOutcome,
      say: (line) => this.log(line),
    })
    this.finish(totals, totalsLine(totals), progress)
    return { totals, files, passes, ended: why }
  }

  private finish(totals: Totals, line: string, progress: { end(): void }): void {
    progress.end()
    this.log(line)
    if (this.signal.aborted) this.end(exitCode.interrupted)
    else if (totals.failed > 0) this.end(exitCode.partial)
    else if (totals.improved + totals.wouldTry === 0) this.end(exitCode.nothingToGain)
  }
}
