/**
 * e4defrag: mainline's options, lines and exit codes, and -r as it was in 2007.
 * Everything that only -r needs is loaded when -r is asked for: the whole of a small
 * file is done in about the time Node takes to start.
 */
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { mountedBootLoaderFiles } from '../host/boot-tree.js'
import { errnoOf, failedWith } from '../kernel/errno.js'
import { syncFilesystem } from '../kernel/syncfs.js'
import { parseArguments, usage, type Arguments } from './arguments.js'
import { Console, fromUtf8, toBytes } from './bytes-text.js'
import { Checker } from './check.js'
import { defragmentFile } from './defragment.js'
import { Counts, isLostAndFound, printTotals, type Run } from './run-state.js'
import { closeTarget, NoTarget, openTarget, type DefragTarget } from './target.js'
import { countTree, visitTree } from './tree-walk.js'

/**
 * @param given the arguments behind the program's name
 * @returns the exit code: 0 when any target had a success, else 1
 */
export async function main(given: readonly string[]): Promise<number> {
  const console = new Console()
  console.out(`e4defrag ${version()} (bootpack)\n`)
  const parsed = parseArguments(given)
  if (typeof parsed === 'string') {
    if (parsed !== '') console.error(fromUtf8(parsed))
    console.out(usage)
    console.flush()
    return 1
  }
  let success = false
  try {
    for (const [i, target] of parsed.targets.entries()) {
      if (parsed.check && i > 0) console.out('\n')
      if (await workOn(target, parsed, console)) success = true
    }
  } finally {
    console.flush()
  }
  return success ? 0 : 1
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version

/** @returns whether anything succeeded */
async function workOn(
  given: string,
  { check, verbose, relocate, force, trace }: Arguments,
  console: Console,
): Promise<boolean> {
  const uid = process.getuid?.() ?? 0
  const isRoot = uid === 0
  let target: DefragTarget
  try {
    target = openTarget(given, isRoot)
  } catch (error) {
    if (!(error instanceof NoTarget)) throw error
    console.error(error.message)
    return false
  }
  try {
    return await workOnHeld(target, { check, relocate, force, trace }, { console, verbose, isRoot, uid })
  } finally {
    closeTarget(target)
  }
}

async function workOnHeld(
  target: DefragTarget,
  { check, relocate, force, trace }: Omit<Arguments, 'verbose' | 'targets'>,
  by: Pick<Run, 'console' | 'verbose' | 'isRoot' | 'uid'>,
): Promise<boolean> {
  const { console } = by
  const run: Run = { ...by, target, counts: new Counts(), bootLoader: new Set() }
  if (target.kind !== 'device' && isLostAndFound(run, target.path)) {
    if (target.kind === 'directory' && !check) console.out(title(run))
    console.error(`Can not process "lost+found"\n "${target.given}"\n`)
    return false
  }
  if (check) return checkTarget(run)
  if (target.groups.fastCommit) {
    console.error(
      `The filesystem has the feature fast_commit: a crash while blocks move could leave it unmountable\n "${target.given}"\n`,
    )
    return false
  }
  if (relocate) return await (await import('./relocate-directory.js')).relocateDirectory(run, { force, trace })
  return defragmentTarget({ ...run, bootLoader: await bootLoaderOf(target) })
}

/** What cannot be looked into is not ours to move either. */
async function bootLoaderOf({ mountPoint, mountRoot, status }: DefragTarget): Promise<ReadonlySet<number>> {
  try {
    return (await mountedBootLoaderFiles(toBytes(mountPoint), mountRoot, status.device)) ?? new Set()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return new Set()
  }
}

function checkTarget(run: Run): boolean {
  const { target, counts, console, verbose, isRoot } = run
  const checker = new Checker(run)
  if (target.kind === 'file') {
    counts.total = counts.regular = 1
    visitTree(target, (met) => checker.check(met, true))
    checker.conclude()
    return counts.succeeded > 0
  }
  countEntries(run)
  checker.begin()
  if (!verbose && !isRoot) {
    console.out(' Done.\n')
    return true
  }
  const alone = counts.total === 1 && counts.regular === 1
  visitTree(target, (met) => checker.check(met, alone))
  checker.listWorst()
  checker.conclude()
  return counts.succeeded > 0
}

function defragmentTarget(run: Run): boolean {
  const { target, counts, console } = run
  if (target.kind === 'file') {
    counts.total = counts.regular = 1
    console.out(`ext4 defragmentation for ${target.given}\n`)
    visitTree(target, (met) => defragmentFile(run, met))
    settle(target)
    console.out(` Success:\t\t\t[${counts.succeeded > 0 ? 1 : 0}/1]\n`)
    return counts.succeeded > 0
  }
  console.out(title(run))
  countEntries(run)
  visitTree(target, (met) => defragmentFile(run, met))
  settle(target)
  printTotals(run)
  return counts.succeeded > 0
}

/** What is called done is on the disk. */
function settle({ top }: DefragTarget): void {
  try {
    const fd = openSync(`/proc/self/fd/${top}`, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      syncFilesystem(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (!failedWith(error, 'EACCES', 'EPERM', 'ENOENT', 'ETXTBSY')) throw error
  }
}

const title = ({ target }: Run): string => `ext4 defragmentation for ${target.kind}(${target.given})\n`

function countEntries({ target, counts }: Run): void {
  Object.assign(counts, countTree(target))
}
