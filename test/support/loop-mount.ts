/**
 * A filesystem made for one test and mounted through a loop device. Whatever
 * becomes of the test, nothing stays mounted or attached: `after` hooks call
 * `remove`, and the end of the process takes what they left.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { checkImage, makeImage, type ImageRecipe } from './images.js'
import { run, scratchFolder } from './tools.js'

export interface LoopMount {
  readonly image: string
  /** Where it is mounted. */
  readonly path: string
  /** '/dev/loop7' */
  readonly device: string
  /** '/sys/fs/ext4/loop7' */
  readonly sysfs: string
  /** Every mb_* setting of the filesystem, to be compared before and after. */
  settings(): Record<string, string>
  mount(...options: string[]): void
  unmount(): void
  /** Waits until the filesystem is mounted in no namespace any more. */
  released(): void
  /** Unmounts and throws with e2fsck's own words unless it finds nothing. */
  check(): void
  remove(): void
}

const open = new Set<LoopMount>()
process.on('exit', () => {
  for (const mount of open) mount.remove()
})

/** Makes the filesystem of the recipe, or takes a copy of the image at `recipe`, and mounts it. */
export function loopMount(recipe: ImageRecipe | string, ...options: string[]): LoopMount {
  const folder = scratchFolder()
  const image = join(folder.path, 'image')
  const path = join(folder.path, 'mounted')
  mkdirSync(path)
  if (typeof recipe === 'string') run('cp', ['--reflink=auto', '--sparse=always', recipe, image])
  else makeImage(image, recipe)
  const device = run('losetup', ['--find', '--show', image]).stdout.trim()
  let mounted = false
  const loop: LoopMount = {
    image,
    path,
    device,
    sysfs: `/sys/fs/ext4/${device.slice('/dev/'.length)}`,
    settings() {
      const names = readdirSync(this.sysfs).filter((name) => name.startsWith('mb_') && name !== 'mb_stats')
      return Object.fromEntries(names.map((name) => [name, readFileSync(join(this.sysfs, name), 'utf8').trim()]))
    },
    mount(...more) {
      run('mount', ['-t', 'ext4', ...(more.length > 0 ? ['-o', more.join(',')] : []), device, path])
      mounted = true
    },
    unmount() {
      if (mounted) run('umount', [path])
      mounted = false
    },
    released() {
      waitUntilReleased(device)
    },
    check() {
      this.unmount()
      this.released()
      checkImage(image)
    },
    remove() {
      if (!open.delete(loop)) return
      // A test that failed may have left descriptors or a working directory inside.
      if (mounted && spawnSync('umount', [path]).status !== 0) spawnSync('umount', ['--lazy', path])
      mounted = false
      spawnSync('losetup', ['--detach', device])
      folder.remove()
    },
  }
  open.add(loop)
  try {
    loop.mount(...options)
  } catch (error) {
    loop.remove()
    throw error
  }
  return loop
}

/**
 * A process that was given a mount namespace of its own meanwhile still has the filesystem
 * mounted there, and until it ends the image is not what it will be. Its folder in sysfs
 * goes before the last is written; the device is free for others only afterwards.
 */
function waitUntilReleased(device: string): void {
  for (let waits = 0; ; waits++) {
    try {
      closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL))
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    }
    if (waits === 600) throw new Error(`${device}: still mounted, in another namespace`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
}

export interface Fragment {
  readonly logical: number
  readonly physical: number
  readonly length: number
  readonly flags: string
}

/** Extents as filefrag prints them: in blocks of the filesystem. */
export const filefrag = (path: string): Fragment[] => filefrags([path]).get(path)!

/** The same for many files in one run. */
export function filefrags(paths: readonly string[]): Map<string, Fragment[]> {
  const { stdout } = run('filefrag', ['-v', `-b${statSync(paths[0]!).blksize}`, ...paths])
  const found = new Map<string, Fragment[]>(paths.map((path) => [path, []]))
  let own: Fragment[] = []
  for (const line of stdout.split('\n')) {
    const name = /^File size of (.*) is \d+ \(/.exec(line)
    if (name) own = found.get(name[1]!)!
    const row = /^ *\d+: +(\d+)\.\. *\d+: +(\d+)\.\. *\d+: +(\d+):(?: +\d+:)? *(.*)$/.exec(line)
    if (row) own.push({ logical: Number(row[1]), physical: Number(row[2]), length: Number(row[3]), flags: row[4]! })
  }
  return found
}
