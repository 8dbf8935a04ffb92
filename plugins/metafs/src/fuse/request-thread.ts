import { Worker } from 'node:worker_threads'
import { requestRoom } from './wire.js'

/**
 * What the thread runs, as text: a thread that is given a file does not know how the
 * program was started and could not load it from source. It reads until the filesystem
 * is gone (ENODEV). ENOENT is a request that was withdrawn before it was read.
 */
const program = `
const { readSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const buffer = new Uint8Array(workerData.room)
for (;;) {
  try {
    const request = buffer.slice(0, readSync(workerData.descriptor, buffer))
    parentPort.postMessage(request, [request.buffer])
  } catch (error) {
    if (error.code === 'EINTR' || error.code === 'EAGAIN' || error.code === 'ENOENT') continue
    if (error.code === 'ENODEV') break
    throw error
  }
}
`

/**
 * Reads requests from /dev/fuse on a thread of its own: a read parks its thread until
 * somebody looks at the mount, and parked threads of Node's own pool would be missed
 * there, by this process first of all.
 * @returns a promise that settles when the filesystem is gone
 */
export function readRequests(descriptor: number, onRequest: (bytes: Uint8Array<ArrayBuffer>) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData: { descriptor, room: requestRoom }, execArgv: [] })
    worker.on('message', onRequest)
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
}
