/**
 * The machine's way down, as it was ordered. What systemd itself does at this point,
 * see its shutdown.c: the argument for the firmware, and a reboot where there is no
 * kernel to jump into.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from '../../host/block-devices.js'
import { mount } from '../../kernel/mount.js'
import { pivotRoot } from '../../kernel/pivot-root.js'
import { reboot, syncAll } from '../../kernel/reboot.js'
import { nextFolder, oldRoot } from '../places.js'

/** With it the script goes on in the environment that is the root by now. */
export const handedOver = 75

const rebootArgument = '/run/systemd/reboot-param'

/**
 * Does not return when it succeeds, but for another environment to take over.
 * @param verb as systemd calls it: 'reboot', 'poweroff', 'halt', 'kexec'
 * @returns status for the script
 */
export function goDown(verb: string | undefined): number {
  syncAll()
  if (existsSync(join(nextFolder, 'shutdown')) && attempt(enterNext)) return handedOver
  switch (verb) {
    case 'halt':
      reboot('halt')
      break
    case 'poweroff':
      reboot('poweroff')
      break
    case 'kexec':
      attempt(() => reboot('kexec'))
      reboot('reboot')
      break
    default: {
      const argument = attempt(() => readFileSync(rebootArgument, 'utf8').trim())
      if (argument) attempt(() => reboot('reboot-to', argument))
      reboot('reboot')
    }
  }
  return 1
}

/** Makes the environment of others the root, as it was meant to be. */
function enterNext(): true {
  for (const folder of ['dev', 'proc', 'sys', 'run']) {
    const at = join(nextFolder, folder)
    mkdirSync(at, { recursive: true, mode: 0o755 })
    mount({ source: `/${folder}`, target: at, flags: ['bind', 'recursive'] })
  }
  const old = join(nextFolder, oldRoot)
  mkdirSync(old, { recursive: true, mode: 0o755 })
  pivotRoot(nextFolder, old)
  return true
}

/** Keeps what was the root of the environment of others, before all that is mounted there goes. */
export function keepNext(): void {
  const inOldRoot = join(oldRoot, '/run/initramfs', nextFolder)
  mount({ source: 'none', target: '/', flags: ['private', 'recursive'] })
  if (!existsSync(join(inOldRoot, 'shutdown')) || existsSync(join(nextFolder, 'shutdown'))) return
  mount({ source: inOldRoot, target: nextFolder, flags: ['bind'] })
}
