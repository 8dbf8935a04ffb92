/**
 * Who owns the blocks of a mounted filesystem: ways to find out, timed side by side.
 *
 * - fast-glob lists the tree, files are opened by path and asked for their FIEMAP,
 *   some at a time (p-limit);
 * - getdents64 walks it, inodes are opened by number in ascending order;
 * - the inode tables are read from the device below (what the engine does).
 *
 *   node --import tsx --conditions=bootpack-source test/bench/live-owners.ts MOUNTPOINT [times]
 *
 * As root. With `cold` as a third argument caches are dropped before each run.
 */
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import glob from 'fast-glob'
import limit from 'p-limit'
import { fiemap } from '../../src/kernel/fiemap.js'
import { directoryEntries } from '../../src/kernel/getdents.js'
import { openByInode } from '../../src/kernel/open-by-handle.js'
import { blockRun } from '../../src/layout/run.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { resolveTarget } from '../../src/volume/target.js'

const [mountPoint, times = '3', cold] = process.argv.slice(2)
if (mountPoint === undefined) throw new Error('name a mount point')

const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOATIME

/** @returns extents found */
const ways: Record<string, () => Promise<number>> = {
  'fast-glob + p-limit(8) + FIEMAP': async () => {
    const few = limit(8)
    let found = 0
    const paths = await glob('**', {
      cwd: mountPoint,
      dot: true,
      onlyFiles: true,
      followSymbolicLinks: false,
      suppressErrors: true,
    })
    await Promise.all(
      paths.map((path) =>
        few(async () => {
          const handle = await open(join(mountPoint, path), flags)
          found += fiemap(handle.fd, { sync: false }).length
          await handle.close()
        }),
      ),
    )
    return found
  },
  'getdents + FIEMAP by inode number': async () => {
    const root = openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY)
    const directories = [2]
    const inodes = new Set<number>()
    for (let next = directories.pop(); next !== undefined; next = directories.pop()) {
      const fd = openByInode(root, next, flags | constants.O_DIRECTORY)
      for (const { inode, type } of directoryEntries(fd)) {
        if (type === 'directory') directories.push(inode)
        if (type === 'regular' || type === 'directory') inodes.add(inode)
      }
      closeSync(fd)
    }
    let found = 0
    for (const inode of [...inodes].sort((a, b) => a - b)) {
      const fd = openByInode(root, inode, flags)
      found += fiemap(fd, { sync: false }).length
      closeSync(fd)
    }
    closeSync(root)
    return Promise.resolve(found)
  },
  'inode tables from the device': async () => {
    const volume = await openLive(resolveTarget(mountPoint), false)
    const { blockCount } = volume.geometry()
    const owners = await volume.owners(blockRun(0, blockCount))
    await volume.close()
    return owners.filter(({ inode }) => inode !== 0).length
  },
}

for (let run = 0; run < Number(times); run++) {
  for (const [name, way] of Object.entries(ways)) {
    if (cold === 'cold') writeFileSync('/proc/sys/vm/drop_caches', '3')
    const began = performance.now()
    const found = await way()
    console.log(
      `${name.padEnd(36)} ${String(found).padStart(8)} extents ${(performance.now() - began).toFixed(0).padStart(7)} ms`,
    )
  }
}
