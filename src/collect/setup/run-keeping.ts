/** What `collect setup --keep` does: show, apply, remove what keeps a boot packed. */
import { realpathSync } from 'node:fs'
import { keepTimerName, type KeepJob } from './keep-units.js'
import { PinnedRoot } from './pinned-root.js'
import { refreshMachine, switchTimer } from './refresh.js'
import { needRootProgram, rootProgramTrouble } from './root-program.js'
import { installedProgram, type SetupRequest } from './run-setup.js'
import { applySetup, planKeeping, removeSetup, type SetupFile } from './setup.js'

export interface KeepRequest extends Pick<SetupRequest, 'action' | 'root' | 'program' | 'self'> {
  readonly job: Omit<KeepJob, 'program'>
}

export interface KeepReport {
  readonly action: SetupRequest['action']
  /** What belongs to it, and how it was found; empty after `remove`. */
  readonly files: readonly (SetupFile & { readonly shown: string })[]
  /** Paths as a person sees them. */
  readonly written: readonly string[]
  readonly removed: readonly string[]
  /** What is left for a person to do. */
  readonly todo: readonly string[]
  /** False while what it works with is not there. */
  readonly complete: boolean
}

/** @throws as planKeeping, applySetup, removeSetup and refreshMachine do */
export function runKeeping({ action, root: path, program, self, job }: KeepRequest): KeepReport {
  const root = PinnedRoot.open(path)
  try {
    const here = realpathSync(path) === '/'
    if (action === 'remove') {
      const { removed } = removeSetup(
        root,
        (loader, any) => {
          if (!here) return
          refreshMachine(loader, undefined, any)
          if (any) switchTimer(keepTimerName, false)
        },
        { recording: false, keeping: true },
      )
      return {
        action,
        files: [],
        written: [],
        removed: removed.map((each) => root.shown(each)),
        todo: [],
        complete: true,
      }
    }
    const words = program ?? (here ? self : [installedProgram(root)])
    if (action === 'apply') needRootProgram(root, words, here)
    const setup = planKeeping(root, { ...job, program: words })
    const written =
      action === 'show'
        ? []
        : applySetup(root, setup, (loader, any) => {
            if (!here) return
            refreshMachine(loader, undefined, any)
            switchTimer(keepTimerName, true)
          })
    const todo = [
      ...(action === 'show' ? rootProgramTrouble(root, words, here) : []),
      ...[job.trace, job.plan].flatMap((file, i) =>
        file === undefined || root.has(file.slice(1)) ? [] : [leftToDo(file, i === 0)],
      ),
    ]
    return {
      action,
      files: setup.files.map((file) => ({ ...file, shown: root.shown(file.path) })),
      written: written.map((each) => root.shown(each)),
      removed: [],
      todo,
      complete: todo.length === 0,
    }
  } finally {
    root.close()
  }
}

const leftToDo = (file: string, isTrace: boolean): string =>
  isTrace
    ? `There is no ${file} yet, and until then nothing is done. Make it from recorded boots: bootpack trace merge /var/lib/bootpack/boot-*.trace.gz -o ${file}`
    : `There is no ${file} yet, and until then nothing is done. Pack with -o ${file}.`
