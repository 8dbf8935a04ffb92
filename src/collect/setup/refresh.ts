/** Tells the boot loader and systemd of this very machine about changed files, and looks whether it took. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { BootpackError, ioError, unsupported } from '../../errors.js'
import { pageEvent } from '../tracing-folder.js'
import { systemdRuns } from '../boot-target.js'
import type { BootLoader } from './boot-loader.js'

const searchPath = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`

/**
 * @param args    what the boot loader must have afterwards; undefined: no recording
 * @param changed whether files were
 * @throws unsupported when the boot loader's program is missing, io when it fails,
 *   refused when it ran and the arguments are not as they should be
 */
export function refreshMachine({ refresh }: BootLoader, args: string | undefined, changed: boolean): void {
  if (changed && systemdRuns()) run('systemctl', ['daemon-reload'])
  if (!refresh) return
  const wanted = args === undefined ? undefined : refresh.written(args)
  if (!changed && isRight(refresh.shows, wanted)) return
  const { status, error, stderr } = run(refresh.program, [])
  if (error)
    throw unsupported(
      'no-boot-loader-program',
      `${refresh.program} could not be run (${error.message}).`,
      'Install it, or put the arguments in by hand; collect setup without --apply prints them.',
    )
  if (status !== 0)
    throw ioError(`${refresh.program} failed with ${status ?? 'a signal'}: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  if (isRight(refresh.shows, wanted)) return
  throw new BootpackError(
    'refused',
    'arguments-not-taken',
    args === undefined
      ? `${refresh.program} ran, but ${refresh.shows} still has the arguments.`
      : `${refresh.program} ran, but ${refresh.shows} does not have the arguments.`,
    { next: 'Look at /etc/default/grub and /etc/default/grub.d: another file there sets GRUB_CMDLINE_LINUX_DEFAULT.' },
  )
}

/** Starts a timer of this very machine now, or stops it, where systemd runs. @throws io when it will not */
export function switchTimer(name: string, on: boolean): void {
  if (!systemdRuns()) return
  const { status, stderr } = run('systemctl', [on ? 'start' : 'stop', name])
  if (on && status !== 0) throw ioError(`${name} could not be started: ${stderr.trim().split('\n').at(-1) ?? ''}`)
}

function isRight(file: string, args: string | undefined): boolean {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return false
  }
  return args === undefined ? !text.includes(`trace_event=${pageEvent}`) : text.includes(args)
}

const run = (program: string, words: readonly string[]): { status: number | null; error?: Error; stderr: string } =>
  spawnSync(program, words, {
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
