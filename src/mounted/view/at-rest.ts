/**
 * A mounted filesystem as the engine for images would find it: everything movable that is
 * movable when nothing is in use. Only for planning; what is read is not one moment, and
 * the filesystem goes on.
 */
import { closeSync, openSync } from 'node:fs'
import { ImageVolume } from '../../ext4/engine/image-volume.js'
import { Filesystem } from '../../ext4/read/filesystem.js'
import { syncFilesystem } from '../../kernel/syncfs.js'
import { FileStore } from '../../storage/file-store.js'
import type { Volume } from '../../volume/volume.js'

/**
 * @param mountPoint of all of it
 * @param device '/dev/vda2', which it is on
 * @throws corrupt when a structure was caught while it changed: then try again; refused, io
 */
export async function openAtRest(mountPoint: string, device: string): Promise<Volume> {
  const root = openSync(mountPoint, 'r')
  try {
    // What the kernel has in its inodes is on the device only then.
    syncFilesystem(root)
  } finally {
    closeSync(root)
  }
  const store = await FileStore.open(device)
  try {
    return await ImageVolume.open(await Filesystem.open(store))
  } catch (error) {
    await store.close()
    throw error
  }
}
