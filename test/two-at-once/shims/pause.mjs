/**
 * Loaded into a bootpack with `node --import`: stops the whole process (SIGSTOP) at one of
 * the moments it goes through, before or after the call, until somebody continues it. The
 * moments are what it does to its target through Node (opens, writes, flushes) and every call
 * of the C library, such as leases, locks and the exchange of extents. What is shipped knows
 * nothing of this.
 *
 * TWO_AT_ONCE_TARGET  the file or device, or a mount point
 * TWO_AT_ONCE_REPORT  written at the end: one letter for each moment gone through
 * TWO_AT_ONCE_STOP    number of the moment to stop at, from 0; and 'after' to stop behind it
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { TWO_AT_ONCE_TARGET: target, TWO_AT_ONCE_REPORT: report, TWO_AT_ONCE_STOP: stop = '' } = process.env
const [stopAt, when] = stop.split(' ')
const wanted = stopAt ? Number(stopAt) : -1
const keyOf = ({ dev, ino, rdev }) => (rdev ? `device ${rdev}` : `file ${dev} ${ino}`)
const { fstatSync, statSync, writeFileSync } = fs
let moments = ''

if (isMainThread && target && report) {
  const key = keyOf(statSync(target))
  const isTarget = (fd) => {
    try {
      return keyOf(fstatSync(fd)) === key
    } catch {
      return false
    }
  }
  const around = (letter, call) => {
    const ours = moments.length === wanted
    moments += letter
    if (ours && when !== 'after') process.kill(process.pid, 'SIGSTOP')
    const result = call()
    if (ours && when === 'after') process.kill(process.pid, 'SIGSTOP')
    return result
  }
  const wrap = (object, name, letter, concerns) => {
    const original = object[name]
    object[name] = function (...args) {
      return concerns(args[0]) ? around(letter, () => original.apply(this, args)) : original.apply(this, args)
    }
  }
  for (const name of ['write', 'writeSync']) wrap(fs, name, 'w', isTarget)
  for (const name of ['fdatasync', 'fdatasyncSync', 'fsync', 'fsyncSync']) wrap(fs, name, 'f', isTarget)
  wrap(promises, 'open', 'o', (path) => path === target)
  syncBuiltinESMExports()

  const koffi = createRequire(import.meta.url)('koffi')
  const { load } = koffi
  koffi.load = (...names) => {
    const library = load(...names)
    return {
      func: (prototype) => {
        const call = library.func(prototype)
        return (...args) => around(args[1] === 0xc028660f ? 'm' : 'c', () => call(...args))
      },
    }
  }
  process.on('exit', () => writeFileSync(report, moments))
}
