/**
 * Where the kernel's tracing is to be found, the events a recording is made of, and
 * the words for machines that have none.
 */
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError, refused, unsupported } from '../errors.js'
import { asKernelError, failedWith } from '../kernel/errno.js'

/** A page enters the page cache: this is what a trace is made of. */
export const pageEvent = 'filemap:mm_filemap_add_to_page_cache'
/** A request goes to the disk: for comparing with what the disk saw. */
export const requestEvent = 'block:block_rq_issue'

/** A task starts, runs a program, joins a cgroup: so that a read can be told whose it is (docs/collecting.md). */
export const taskEvents: readonly string[] = [
  'task:task_newtask',
  'sched:sched_process_exec',
  'cgroup:cgroup_attach_task',
]

/** What a boot is recorded by, from the kernel's command line on. */
export const bootEvents: readonly string[] = [pageEvent, requestEvent, ...taskEvents]

/**
 * An inode is loaded from its table: a probe of ours on __ext4_iget(struct super_block *,
 * unsigned long, …), which the kernel's command line defines. The device number lies
 * behind a list_head in struct super_block, at 16 on every machine of 64 bits.
 */
export const inodeProbe = {
  event: 'kprobes:iget',
  /** Kernels know `kprobe_event=` since 5.3, and arguments of a function by number since 4.20 (arm64: 5.2). */
  argument: 'kprobe_event=p:iget,__ext4_iget,dev=+16($arg1):x32,ino=$arg2:u64',
} as const

export const eventSwitch = (event: string): string => `events/${event.replace(':', '/')}/enable`

const places = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']

/**
 * The folder of tracefs.
 * @throws refused without root or in a locked-down kernel; unsupported where tracing
 *   is not mounted or not built in
 */
export function findTracing(): string {
  let refusal: unknown
  for (const place of places) {
    try {
      statSync(join(place, 'trace'))
      if (process.geteuid?.() !== 0) throw needsRoot()
      statSync(join(place, eventSwitch(pageEvent)))
      // Opening is what a locked-down kernel forbids; looking it allows.
      readFileSync(join(place, 'tracing_on'))
      return place
    } catch (cause) {
      if (cause instanceof BootpackError) throw cause
      refusal ??= failedWith(cause, 'ENOENT', 'ENOTDIR') ? undefined : cause
    }
  }
  if (failedWith(refusal, 'EACCES') && process.geteuid?.() !== 0) throw needsRoot()
  if (failedWith(refusal, 'EPERM', 'EACCES')) {
    throw new BootpackError('refused', 'tracing-locked', 'This kernel is locked down: nobody may trace it.', {
      next: 'Use --method fanotify, or boot without lockdown.',
      cause: refusal,
    })
  }
  if (places.some((place) => exists(join(place, 'trace')))) {
    throw unsupported(
      'no-page-events',
      `This kernel cannot trace its page cache: it has no event ${pageEvent}.`,
      'Use --method fanotify.',
    )
  }
  if (exists(places[0]!)) {
    throw unsupported(
      'tracing-not-mounted',
      'The tracing filesystem is not mounted.',
      `Mount it: mount -t tracefs tracefs ${places[0]!}`,
    )
  }
  throw unsupported('no-tracing', 'This kernel was built without tracing.', 'Use --method fanotify.')
}

const needsRoot = (): BootpackError =>
  refused('needs-root', "The kernel's tracing is for root.", 'Run the command with sudo.')

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

/**
 * Switches an event on or off, where the kernel has it; block tracing and our probe are not
 * everywhere. A probe made by the kernel's command line may be at work without a folder of
 * its own (seen with 6.1), and then is switched off by its name.
 */
export function switchEvent(folder: string, event: string, on: boolean): void {
  try {
    writeTracing(folder, eventSwitch(event), on ? '1' : '0')
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
    if (!on) switchOffByName(folder, event)
  }
}

function switchOffByName(folder: string, event: string): void {
  if (!readTracing(folder, 'set_event').split('\n').includes(event)) return
  // Appended: opening this file to write it anew would switch off everybody's events.
  asKernelError({ call: 'write', on: join(folder, 'set_event') }, () =>
    appendFileSync(join(folder, 'set_event'), `!${event}\n`),
  )
}

/** @throws KernelError naming the file */
export function writeTracing(folder: string, name: string, text: string): void {
  asKernelError({ call: 'write', on: join(folder, name) }, () => writeFileSync(join(folder, name), text))
}

/** @throws KernelError naming the file */
export const readTracing = (folder: string, name: string): string =>
  asKernelError({ call: 'read', on: join(folder, name) }, () => readFileSync(join(folder, name), 'utf8'))
