/**
 * The units that take the next step: a service that is started when a recording has ended,
 * ten minutes after each boot, and once a week. It is part of no boot, and counts as
 * started at once.
 */
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { unitName as recorder, unitWord } from '../collect/setup/unit.js'
import { refused } from '../errors.js'
import { folder } from './places.js'

export const serviceName = 'bootpack-auto.service'
export const timerName = 'bootpack-auto.timer'

export const marker = '# Written by bootpack auto; bootpack auto off takes it away.'

const units = 'etc/systemd/system'
const service = `${units}/${serviceName}`
const timer = `${units}/${timerName}`
const link = `${units}/timers.target.wants/${timerName}`
const dropIn = `${units}/${recorder}.d/bootpack-auto.conf`

export const serviceText = (program: readonly string[]): string => `${marker}
[Unit]
Description=Take the next step of packing this machine's boot
Documentation=man:bootpack-auto(1)
After=multi-user.target ${recorder}
ConditionVirtualization=!container
RequiresMountsFor=/${folder}

[Service]
# Not oneshot: nothing waits for its end.
Type=exec
# Not while the boot is still being recorded. By the shell, because a program's own name may not have just any character.
ExecStart=/bin/sh -c 'while systemctl is-active --quiet ${recorder}; do sleep 5; done; exec "$$0" "$$@"' ${[...program, 'auto', 'continue'].map(unitWord).join(' ')}
CPUSchedulingPolicy=idle
IOSchedulingClass=idle
Nice=19
# Whatever it is at, it goes on after the next boot.
TimeoutStopSec=15
`

export const timerText = (): string => `${marker}
[Unit]
Description=Look what comes next in packing this machine's boot

[Timer]
OnBootSec=10min
OnCalendar=weekly
Persistent=true

[Install]
WantedBy=timers.target
`

/** What comes after a recording has ended, however it did. */
const dropInText = `${marker}
[Unit]
OnSuccess=${serviceName}
OnFailure=${serviceName}
`

/**
 * @returns paths that were written, and folders that were made for them
 * @throws refused when something of somebody else's is in the way
 */
export function putUnits(root: PinnedRoot, program: readonly string[]): { written: string[]; made: string[] } {
  for (const path of [service, timer, dropIn]) {
    const found = root.find(path)
    if (!found || (found.kind === 'file' && found.text.startsWith(marker))) continue
    throw refused(
      'not-ours',
      `${root.shown(path)} was not written by bootpack; it was left alone.`,
      'Look at what it is, and move it away.',
    )
  }
  const made = [link, dropIn].flatMap((path) => root.makeFolders(path.slice(0, path.lastIndexOf('/'))))
  root.writeFile(service, serviceText(program))
  root.writeFile(timer, timerText())
  root.writeFile(dropIn, dropInText)
  root.writeLink(link, `../${timerName}`)
  return { written: [service, timer, dropIn, link].map((path) => `/${path}`), made }
}

/** @returns absolute paths */
export function removeUnits(root: PinnedRoot): string[] {
  const isOurs = (path: string): boolean => {
    const found = root.glance(path)
    return found?.kind === 'file'
      ? found.text.startsWith(marker)
      : found?.kind === 'link' && found.target === `../${timerName}`
  }
  return [link, dropIn, timer, service].filter((path) => isOurs(path) && root.remove(path)).map((path) => `/${path}`)
}
