/**
 * The systemd units that keep a packed boot packed: once a week what left the run is
 * brought back, when nobody else wants the disk or the processor, on mains only, and
 * never more bytes than allowed. Two at once cannot be: the service is one, and the
 * engine refuses a filesystem on which somebody else moves blocks.
 */
import { usageError } from '../../errors.js'
import { foldersLine, marker, unitWord } from './unit.js'

export const keepServiceName = 'bootpack-keep.service'
export const keepTimerName = 'bootpack-keep.timer'

export interface KeepJob {
  /** Words that start bootpack on that system, the first an absolute path. */
  readonly program: readonly string[]
  /** Mount point. */
  readonly target: string
  readonly trace: string
  /** The plan that packed it; each mending puts its own in its place. */
  readonly plan?: string
  /** As --max-bytes takes it. */
  readonly maxBytes: string
}

/** @throws usage when a path is not absolute */
export function keepServiceText(
  { program, target, trace, plan, maxBytes }: KeepJob,
  folders: readonly string[],
): string {
  for (const path of [program[0], target, trace, ...(plan === undefined ? [] : [plan])]) {
    if (!path?.startsWith('/'))
      throw usageError('bad-path', `A unit needs absolute paths, and ${path ?? 'the program'} is none.`)
  }
  const words = [
    ...program,
    'pack',
    target,
    '--drifted',
    '--evict',
    '--trace',
    trace,
    ...(plan === undefined ? [] : ['--plan', plan, '-o', plan]),
    '--max-bytes',
    maxBytes,
  ]
    .map(unitWord)
    .join(' ')
  return `${marker}
${foldersLine(folders)}[Unit]
Description=Bring back what left the packed run of this system's boot
After=multi-user.target bootpack-collect.service
ConditionVirtualization=!container
ConditionACPower=true
ConditionPathExists=${unitPath(trace)}
${plan === undefined ? '' : `ConditionPathExists=${unitPath(plan)}\n`}
[Service]
Type=oneshot
# By the shell, because a program's own name may not have just any character here.
ExecStart=/bin/sh -c 'exec "$$0" "$$@"' ${words}
# 3: not all could be moved, a running program for one. 4: nothing was worth its bytes.
SuccessExitStatus=3 4
CPUSchedulingPolicy=idle
IOSchedulingClass=idle
Nice=19
# It ends what it has begun, and stays consistent if it is killed.
TimeoutStopSec=60
`
}

export const keepTimerText = (): string => `${marker}
[Unit]
Description=Look once a week whether this system's boot is still packed

[Timer]
OnCalendar=weekly
# Not all machines at once, and not while one that was off on that day is starting.
RandomizedDelaySec=6h
Persistent=true

[Install]
WantedBy=timers.target
`

/** A path in a condition: nothing is quoted there, and blanks are taken as they are. */
function unitPath(path: string): string {
  if (/[\0-\x1f\x7f]|[\\ ]$/.test(path))
    throw usageError(
      'bad-path',
      'A unit cannot name this file: it ends in a blank or a backslash, or has a control character in it.',
      'Give it another name.',
    )
  return path.replaceAll('%', '%%')
}
