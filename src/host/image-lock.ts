/**
 * One bootpack at a time on one image file. A lock file would leave litter after
 * kill -9 and, as root in a folder of others, be a trap; flock(2) is not to be had
 * from Node. A socket in Linux's abstract namespace has neither fault: its name is
 * made of the file's device and inode, binding it a second time fails, and the
 * kernel frees it with the process. It is one per network namespace; what runs in
 * another one is found by its open descriptor (gate-writers.ts) where that can be seen.
 */
import { createServer } from 'node:net'
import { refused } from '../errors.js'
import { shellWord } from '../text/shell-word.js'
import type { Identity } from './block-devices.js'

/** sun_path holds 108 bytes, the first of them 0; names are filled up so that no version of Node reads them as longer or shorter. */
const nameLength = 107

/**
 * @returns what gives the lock back
 * @throws refused when another process has it
 */
export async function lockImage(identity: Identity & { kind: 'file' }, path: string): Promise<() => Promise<void>> {
  if (process.platform !== 'linux') return () => Promise.resolve()
  const name = `bootpack-image-${identity.device}-${identity.inode}`.padEnd(nameLength, '.')
  const server = createServer((connection) => connection.destroy())
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((settle) => {
    server.once('error', settle)
    server.listen(`\0${name}`, () => settle(undefined))
  })
  if (problem?.code === 'EADDRINUSE') {
    throw refused('in-use', `Another bootpack is at work on ${shellWord(path)}.`, 'Wait until it is done.')
  }
  // Without such sockets (a sandbox may forbid them) the look at other writers remains.
  if (problem) return () => Promise.resolve()
  server.unref()
  return () => new Promise((settle) => server.close(() => settle()))
}
