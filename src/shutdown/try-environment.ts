/** The whole environment put together and started once, out of everybody's sight, to see that it can be. */
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import { enterMountNamespace } from '../kernel/mount-namespace.js'
import { mount } from '../kernel/mount.js'
import { unmount } from '../kernel/unmount.js'
import { buildEnvironment, type Program } from './environment/build.js'
import { tryEnvironment } from './environment/try.js'

export interface Tried {
  /** Of memory. */
  readonly bytes: number
  readonly seconds: number
}

/** @throws what building and starting it throw */
export function tryShutdown(program: Program): Tried {
  const began = performance.now()
  enterMountNamespace()
  const folder = mkdtempSync('/run/bootpack-try-')
  try {
    mount({ source: 'bootpack', target: folder, type: 'tmpfs', flags: ['noSetuid'], options: 'mode=0755,size=90%' })
    try {
      const bytes = buildEnvironment(folder, program)
      tryEnvironment(folder, realpathSync(program.node), realpathSync(program.home))
      return { bytes, seconds: (performance.now() - began) / 1000 }
    } finally {
      unmount(folder, 'detach')
    }
  } finally {
    rmdirSync(folder)
  }
}
