import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ioError } from '../errors.js'
import { ReleasingStore } from '../storage/releasing-store.js'
import type { Store } from '../storage/store.js'
import { NbdStore } from './nbd/nbd-store.js'
import { qemuError } from './image-info.js'
import { ScratchFolder } from './scratch-folder.js'
import { hasProgram, runTied } from './tied-process.js'

/** Whether images in QEMU's formats can be opened here. */
export const canServe = (): boolean => hasProgram('qemu-nbd') && hasProgram('qemu-img')

/** Milliseconds for qemu-nbd to open an image and listen. */
const patience = 60_000

/**
 * The disk inside an image, through a qemu-nbd of its own, which ends with the store.
 * @param format QEMU's name of it
 * @throws refused when another program has the image; io
 */
export async function serveImage(path: string, format: string, write: boolean): Promise<Store> {
  const folder = await ScratchFolder.create(tmpdir(), 'bootpack-nbd-')
  const socket = join(folder.path, 'disk')
  const server = runTied('qemu-nbd', [
    `--socket=${socket}`,
    `--format=${format}`,
    '--shared=1',
    '--cache=writeback',
    ...(write ? [] : ['--read-only']),
    path,
  ])
  let over: { status: number; said: string } | undefined
  void server.ended.then((end) => (over = end))
  const release = async (): Promise<void> => {
    // Without its client it closes the image and ends; then all is in the file.
    const end = await Promise.race([server.ended, sleep(patience, undefined, { ref: false })])
    server.kill()
    await folder.remove()
    if (write && end?.status !== 0)
      throw ioError(`${path}: qemu-nbd did not close it: ${end === undefined ? 'it does not end' : end.said}`)
  }
  try {
    for (const began = performance.now(); ;) {
      try {
        return new ReleasingStore(await NbdStore.connect(socket, path), release)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (over) throw qemuError(path, over.said)
        if ((code !== 'ENOENT' && code !== 'ECONNREFUSED') || performance.now() - began > patience) throw error
      }
      await sleep(5)
    }
  } catch (error) {
    server.kill()
    await server.ended
    await folder.remove()
    throw error
  }
}
