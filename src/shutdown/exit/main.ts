/**
 * The program of the environment that is left when everything else is down: unmounts the
 * machine's filesystems, carries out the order, writes down what became of it, and takes
 * the machine down as it was meant to go. share/shutdown/shutdown.sh, which is process 1,
 * starts it.
 *
 *     main.js VERB …          the whole of it
 *     main.js --down VERB …   only the way down, after the former has failed
 *     main.js --try           says `ready` if everything is there
 */
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { homeOf } from '../home.js'
import { enterMountNamespace } from '../../kernel/mount-namespace.js'
import { mount } from '../../kernel/mount.js'
import { unmount } from '../../kernel/unmount.js'
import { readyWord } from '../environment/try.js'
import { goDown } from './down.js'
import { carryOut } from './carry-out.js'

const [verb, next] = process.argv.slice(2)

/** Loads what is loaded late otherwise: the kernel's calls, by making some, and the command line. */
function tryAll(): void {
  enterMountNamespace()
  const folder = mkdtempSync('/tmp/try-')
  mount({ source: 'tmpfs', target: folder, type: 'tmpfs' })
  unmount(folder, 'idle')
  rmdirSync(folder)
  readFileSync(join(homeOf(), 'bin/bootpack.js'))
  console.log(readyWord)
}

if (verb === '--try') tryAll()
else if (verb === '--down') process.exitCode = goDown(next)
else {
  await carryOut(verb ?? 'poweroff').catch((error: unknown) => {
    console.error(`bootpack: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  })
  process.exit(goDown(verb))
}
