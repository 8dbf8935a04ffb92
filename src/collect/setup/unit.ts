/**
 * The systemd unit that writes down the recording once the boot is over. Nothing of
 * ours runs before: the unit is ordered after multi-user.target, and is a service
 * that counts as started at once, so that the boot's own end does not wait for it.
 */
import { usageError } from '../../errors.js'
import { bootEvents, eventSwitch, inodeProbe } from '../tracing-folder.js'

export const unitName = 'bootpack-collect.service'

/** The environment variable with /proc/diskstats as it was before the recorder was loaded. */
export const diskstatsVariable = 'BOOTPACK_DISKSTATS'

/** The first line of everything that is written, by which it is known again. */
export const marker = '# Written by bootpack collect setup; bootpack collect setup --remove takes it away.'

const foldersNote = '# Folders made for it: '

/** A word of a command line in a unit, see systemd.service(5): quoted, with $ and % doubled. */
export function unitWord(word: string): string {
  if (/[\0-\x1f\x7f]/.test(word))
    throw usageError('bad-program', 'The name of the program has a control character in it.')
  const doubled = word.replaceAll('$', '$$$$').replaceAll('%', '%%')
  return /^[\w@:,./+=%$-]+$/.test(word) ? doubled : `"${doubled.replace(/["\\]/g, '\\$&')}"`
}

/**
 * @param program words that start bootpack, the first an absolute path
 * @param folders made for these settings, to be removed with them
 * @throws usage when the first word is no absolute path
 */
export function unitText(program: readonly string[], folders: readonly string[]): string {
  if (!program[0]?.startsWith('/'))
    throw usageError('bad-program', 'The program of a unit must be an absolute path.', 'Give it with --program.')
  const words = [...program, 'collect', 'boot'].map(unitWord).join(' ')
  const switches = [...bootEvents, inodeProbe.event].map(eventSwitch).join(' ')
  return `${marker}
${foldersLine(folders)}[Unit]
Description=Write down what this boot read from the disk
After=multi-user.target
ConditionVirtualization=!container
ConditionKernelCommandLine=trace_event
RequiresMountsFor=/var/lib/bootpack

[Service]
Type=exec
# The kernel leaves out this process from here on; what it does before is left out later. What the disks
# had done by then is handed on, so that loading this program does not count as part of the boot.
ExecStart=/bin/sh -c 'echo $$$$ >/sys/kernel/tracing/set_event_notrace_pid; d=; while read -r l; do d="$$d$$l;"; done </proc/diskstats; ${diskstatsVariable}="$$d" exec "$$0" "$$@"' ${words}
# However it ended, the kernel must not go on recording.
ExecStopPost=/bin/sh -c '[ "$$SERVICE_RESULT" = success ] || { cd /sys/kernel/tracing || exit 0; for e in ${switches}; do [ ! -e $$e ] || echo 0 >$$e; done; echo !${inodeProbe.event} >>set_event 2>/dev/null; echo >set_event_notrace_pid; echo 1 >options/overwrite; echo >trace; echo 1 >buffer_size_kb; }'
# 3: written, but events were lost.
SuccessExitStatus=3
TimeoutStopSec=60
StateDirectory=bootpack
# A trace tells names and what was done; nobody else is to read it.
StateDirectoryMode=0700
Nice=5

[Install]
WantedBy=multi-user.target
`
}

/** The line of a unit that says which folders were made for it; nothing when there are none. */
export const foldersLine = (folders: readonly string[]): string =>
  folders.length > 0 ? `${foldersNote}${folders.join(' ')}\n` : ''

/** The folders a unit of ours says were made for it. */
export const foldersMadeFor = (unit: string): string[] =>
  unit
    .split('\n')
    .find((line) => line.startsWith(foldersNote))
    ?.slice(foldersNote.length)
    .split(' ')
    .filter(isFolderOfOurs) ?? []

/** Whatever a file says, only folders we may have made are ever removed. */
const isFolderOfOurs = (folder: string): boolean =>
  [
    'etc/systemd',
    'etc/systemd/system',
    'etc/systemd/system/multi-user.target.wants',
    'etc/systemd/system/timers.target.wants',
    'etc/default/grub.d',
  ].includes(folder)
