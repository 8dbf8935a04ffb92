/** What is mounted where, as far as it is a meta filesystem. */
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { unmount } from '../kernel/mount.js'

export const subtype = 'bootpack-metafs'

export interface MetaMountPoint {
  readonly directory: string
  /** What it shows. */
  readonly source: string
}

/** The meta filesystems of a mountinfo(5) text, those mounted later behind. */
export function parseMetaMounts(mountinfo: Buffer): MetaMountPoint[] {
  const found: MetaMountPoint[] = []
  for (const line of mountinfo.toString('latin1').split('\n')) {
    const words = line.split(' ')
    const dash = words.indexOf('-', 6)
    if (dash < 0 || words[dash + 1] !== `fuse.${subtype}`) continue
    found.push({ directory: unescaped(words[4] ?? ''), source: unescaped(words[dash + 2] ?? '') })
  }
  return found
}

/** Blanks, line ends and backslashes are written as three octal digits; bytes are UTF-8. */
const unescaped = (text: string): string =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    'latin1',
  ).toString('utf8')

export const metaMounts = (): MetaMountPoint[] => parseMetaMounts(readFileSync('/proc/self/mountinfo'))

/**
 * Detaches meta filesystems whose program is gone (killed with -9): the kernel answers
 * for them that nobody is connected. While they stay they also make what they showed
 * look mounted.
 */
export async function detachDead(): Promise<void> {
  for (const { directory } of metaMounts().reverse()) if (await isDead(directory)) unmount(directory, 'detach')
}

/** Milliseconds; a program that lives but does not answer for so long is left to itself. */
const patience = 2000

async function isDead(directory: string): Promise<boolean> {
  const answer = stat(directory).then(
    () => false,
    (error: NodeJS.ErrnoException) => ['ENOTCONN', 'ECONNABORTED'].includes(error.code ?? ''),
  )
  return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), patience).unref())])
}
