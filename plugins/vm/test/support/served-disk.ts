/** A simulated disk over bytes in memory, behind an NBD server at a socket of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Alarm } from '../../src/disk/alarm.js'
import { diskModel, type DiskName } from '../../src/disk/disk-model.js'
import { RequestLog } from '../../src/disk/request-log.js'
import { SimulatedDisk } from '../../src/disk/simulated-disk.js'
import { NbdServer } from '../../src/nbd/server.js'

export interface ServedDisk {
  /** Path of the socket. */
  readonly socket: string
  /** As qemu-img takes it. */
  readonly url: string
  readonly log: RequestLog
  close(): Promise<void>
}

export async function serveDisk(
  image: Buffer,
  options: { disk?: DiskName; scale?: number; writeLimit?: number } = {},
): Promise<ServedDisk> {
  const { disk = 'hdd', scale = 0, writeLimit = 2 ** 30 } = options
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-test-nbd-'))
  const socket = join(folder, 'disk')
  const alarm = new Alarm()
  const log = new RequestLog()
  const bytes = {
    size: image.length,
    read: async (offset: number, buffer: Uint8Array) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (offset + buffer.length > image.length) throw new Error('read beyond the end of the image')
      buffer.set(image.subarray(offset, offset + buffer.length))
    },
  }
  const server = await NbdServer.listen(
    new SimulatedDisk(bytes, alarm, log, { model: diskModel(disk, image.length), scale, writeLimit }),
    socket,
  )
  return {
    socket,
    log,
    url: `nbd+unix:///?socket=${socket}`,
    close: async () => {
      await server.close()
      await alarm.close()
      rmSync(folder, { recursive: true })
    },
  }
}
