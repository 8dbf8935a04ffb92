/**
 * A machine that is made from packages, and what is done with it between its boots: its disk
 * is looked at from outside, by tools that are not ours.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/tools.js'
import { makeDisk, rootStart, withRootMounted } from './machine/disk.js'
import { Guest } from './machine/guest.js'
import { makeRamdisk } from './machine/ramdisk.js'

const here = dirname(fileURLToPath(import.meta.url))

export interface StageOptions {
  /** Folder for everything; what is there already is used. */
  readonly folder: string
  /** The released package. */
  readonly tarball: string
  readonly suite: string
  /** MiB of the root filesystem. */
  readonly size: number
  readonly onText?: (text: string) => void
}

export class Stage {
  readonly disk: string
  private readonly options: StageOptions

  constructor(options: StageOptions) {
    this.options = options
    this.disk = join(options.folder, 'disk.img')
  }

  /** Makes the machine; minutes, most of them for packages. */
  make(say: (text: string) => void): void {
    const { folder, tarball, suite, size } = this.options
    const base = join(folder, 'base')
    if (!existsSync(base)) {
      say(`Installing Debian ${suite}`)
      run('bash', [join(here, 'machine/make-root.sh'), `${base}.new`, suite])
      run('mv', [`${base}.new`, base])
    }
    say('Installing bootpack')
    const root = join(folder, 'root')
    run('rm', ['-rf', root])
    run('cp', ['-a', base, root])
    const library = join(root, 'usr/lib/bootpack')
    // Whoever makes boot entries from that folder, arguments go there; here it is `boot` that reads it.
    mkdirSync(join(root, 'etc/kernel/cmdline.d'), { recursive: true })
    mkdirSync(library)
    run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--omit=dev', '--prefix', library, tarball])
    run('chown', ['-R', '0:0', library])
    symlinkSync('/usr/lib/bootpack/node_modules/bootpack/bin/bootpack.js', join(root, 'usr/bin/bootpack'))
    makeRamdisk(join(folder, 'initrd'), root)
    say('Using its disk for a while')
    makeDisk(this.disk, { root, size, seed: 5 })
    run('cp', [this.kernel(root), join(folder, 'vmlinuz')])
    run('rm', ['-rf', root])
  }

  /** Boots it as its boot loader would: with the arguments that are on its disk. */
  async boot(): Promise<Guest> {
    const { folder, onText } = this.options
    const guest = await Guest.boot({
      kernel: join(folder, 'vmlinuz'),
      initrd: join(folder, 'initrd'),
      append: `ro quiet ${this.kernelArguments()}`,
      disk: this.disk,
      memory: 1024,
      ...(onText && { onText }),
    })
    await guest.login()
    return guest
  }

  /** As the boot loader finds them. */
  kernelArguments(): string {
    return withRootMounted(this.disk, (root) => {
      const place = join(root, 'etc/kernel/cmdline.d')
      return readdirSync(place)
        .sort()
        .map((name) => readFileSync(join(place, name), 'utf8').trim())
        .join(' ')
    })
  }

  /** @returns what e2fsck -fn says; empty when it has nothing to say */
  complaints(): string {
    return withPartition(this.disk, (device) => {
      // A machine that went down properly has nothing in its journal.
      const { status, stdout, stderr } = spawnSync('e2fsck', ['-fn', device], { encoding: 'utf8' })
      return status === 0 ? '' : `${stdout}${stderr}`
    })
  }

  /** What every file, folder and link of the root is, but for what a machine writes by itself. */
  contents(): Map<string, string> {
    return withRootMounted(this.disk, (root) => {
      const found = new Map<string, string>()
      const walk = (folder: string): void => {
        for (const name of readdirSync(join(root, folder)).sort()) {
          const path = `${folder}/${name}`
          if (writtenByItself.test(path)) continue
          const at = join(root, path)
          const stats = lstatSync(at)
          const what = stats.isSymbolicLink()
            ? readlinkSync(at)
            : stats.isFile()
              ? createHash('sha256').update(readFileSync(at)).digest('hex')
              : ''
          found.set(
            path,
            `${stats.mode.toString(8)} ${stats.uid} ${stats.gid} ${stats.isDirectory() ? '' : stats.size} ${what}`,
          )
          if (stats.isDirectory()) walk(path)
        }
      }
      walk('')
      return found
    })
  }

  /** The extents of files, as filefrag tells them: how many, and the first and last block of all. */
  extents(paths: readonly string[]): { pieces: number; blocks: number; span: number } {
    return withRootMounted(this.disk, (root) => {
      const there = paths.map((path) => join(root, path)).filter((path) => existsSync(path) && lstatSync(path).isFile())
      const { stdout } = run('filefrag', ['-e', '-b4096', ...there])
      const runs = stdout.split('\n').flatMap((line) => {
        const found = /^\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+)\.\.\s*(\d+):/.exec(line)
        return found ? [{ first: Number(found[1]), last: Number(found[2]) }] : []
      })
      runs.sort((a, b) => a.first - b.first)
      let pieces = 0
      for (const [i, { first }] of runs.entries()) if (i === 0 || first !== runs[i - 1]!.last + 1) pieces++
      return {
        pieces,
        blocks: runs.reduce((sum, { first, last }) => sum + last - first + 1, 0),
        span: runs.at(-1)!.last - runs[0]!.first + 1,
      }
    })
  }

  /** A file of the root, as bytes. */
  file(path: string): Buffer {
    return withRootMounted(this.disk, (root) => readFileSync(join(root, path)))
  }

  private kernel(root: string): string {
    const name = readdirSync(join(root, 'boot')).find((each) => each.startsWith('vmlinuz-'))!
    return join(root, 'boot', name)
  }
}

/** Logs, seeds of randomness, time stamps, what the home of root remembers, and what a login writes. */
const writtenByItself =
  /^\/(?:lost\+found|var\/log|var\/lib\/systemd|var\/lib\/private|var\/cache|var\/tmp|tmp|run|root\/\.\w+|etc\/\.updated|var\/\.updated|etc\/machine-id|var\/lib\/dbus|etc\/mtab)(?:\/|$)/

function withPartition<Result>(disk: string, use: (device: string) => Result): Result {
  const device = run('losetup', ['--find', '--show', '--read-only', `--offset=${rootStart}`, disk]).stdout.trim()
  try {
    return use(device)
  } finally {
    run('losetup', ['--detach', device])
  }
}
