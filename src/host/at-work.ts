/** Who is in the way, and how long that lasts, as far as the process tells it by its command line. */
import { readFileSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { shellWord } from '../text/shell-word.js'
import { attempt } from './block-devices.js'
import type { Opener } from './openers.js'

interface AtWork {
  /** In brackets behind the sentence: ' (process 12, node)', or nothing. */
  readonly who: string
  /** What to do about it, a full sentence. */
  readonly next: string
}

/** @param opener the process that holds the lock, where it can be seen */
export function describeAtWork(opener: Pick<Opener, 'process' | 'command'> | undefined): AtWork {
  if (!opener) return { who: '', next: 'Wait until it is done; a bootpack metafs mount goes on until it is unmounted.' }
  const meta = metaMountOf(opener.process)
  if (meta === undefined)
    return { who: ` (process ${opener.process}, ${shellWord(opener.command)})`, next: 'Wait until it is done.' }
  return {
    who: ` (process ${opener.process}, bootpack metafs mount)`,
    next: `It shows the blocks as files until it is unmounted: umount ${shellWord(meta)}`,
  }
}

/** The directory at which a process shows a meta filesystem; undefined when it does something else. */
function metaMountOf(process_: number): string | undefined {
  const words = attempt(() => readFileSync(`/proc/${process_}/cmdline`, 'utf8'))?.split('\0') ?? []
  const at = words.indexOf('metafs')
  if (at < 0 || words[at + 1] !== 'mount') return undefined
  const directory = words.slice(at + 2).findLast((word) => word !== '' && !word.startsWith('-'))
  const cwd = attempt(() => readlinkSync(`/proc/${process_}/cwd`))
  return directory === undefined ? undefined : cwd === undefined ? directory : resolve(cwd, directory)
}
