/** Root will start this program by itself: nobody else may be able to exchange it. */
import { BootpackError } from '../../errors.js'
import { notRootOnly, programChangeableByOthers } from '../../host/root-only.js'
import type { PinnedRoot } from './pinned-root.js'

const when = 'root would run it by itself'
const next =
  'Install bootpack and Node as root (docs/install.md) and run that, or say with --program how root is to start it.'

/**
 * @param words that start it there
 * @param here  whether the system is this machine
 * @throws refused when others than root can change it
 */
export function needRootProgram(root: PinnedRoot, words: readonly string[], here: boolean): void {
  if (here) {
    const others = programChangeableByOthers(words)
    if (others !== undefined) throw notRootOnly(others, when, next)
  } else for (const word of words) if (word.startsWith('/')) root.needRootOnly(word.slice(1), when)
}

/** The same as a sentence, for who only looks. */
export function rootProgramTrouble(root: PinnedRoot, words: readonly string[], here: boolean): string[] {
  try {
    needRootProgram(root, words, here)
    return []
  } catch (error) {
    if (error instanceof BootpackError && error.code === 'not-root-only')
      return [`It cannot be put in place as it is: ${error.message} ${error.next}`]
    throw error
  }
}
