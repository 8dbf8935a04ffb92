/** Makes the initramfs of a system anew, so that it holds our script, or no longer does. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { shellWord } from '../text/shell-word.js'
import { rebuildCommands, type FormName } from '../preload/install-targets.js'
import { runProgram } from './mounted-image.js'

/** A command line for people, as it must be typed. */
export const commandText = (form: FormName, mountPoint = '/'): string | undefined => {
  const words = rebuildCommands[form]
  return words && [...(mountPoint === '/' ? [] : ['chroot', shellWord(mountPoint)]), ...words].join(' ')
}

/**
 * Runs it: here, or below `mountPoint` with that system's own programs. The caller has
 * entered a mount namespace for the latter: what is bound there must not stay.
 * @throws io when a program is missing or fails
 */
export function rebuildInitramfs(form: FormName, mountPoint: string): void {
  const words = rebuildCommands[form]
  if (!words) return
  if (mountPoint === '/') return runProgram(words, false)
  for (const folder of ['proc', 'sys', 'dev']) {
    const at = join(mountPoint, folder)
    // mount follows links, and one in that system may lead anywhere here.
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory())
      runProgram(['mount', '--rbind', '--', `/${folder}`, at])
  }
  runProgram(['chroot', mountPoint, ...words], false)
}
