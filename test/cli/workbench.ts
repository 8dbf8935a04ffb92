/**
 * A folder with everything the examples name: an aged image of the sample tree, traces
 * of its boot, a plan; and, where there is root, the same image mounted. Lines are run
 * by a shell with `bootpack` and `e4defrag` on its path, as a reader would.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { engines } from '../../src/engines.js'
import { readTrace } from '../../src/trace/read-trace.js'
import type { Trace } from '../../src/trace/model/trace.js'
import { openVolume } from '../../src/volume/open-volume.js'
import type { Volume } from '../../src/volume/volume.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { hasTool, isRoot, run, scratchFolder, type Ran } from '../support/tools.js'

const home = new URL('../..', import.meta.url).pathname
const script = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../scripts/${path}`, import.meta.url).href)) as T

type State = 'aged' | 'packed'

/** What the kernel would have told of a boot of this image: a page of each file, by its number. */
async function kernelText(volume: Volume, { reads }: Trace): Promise<string> {
  const lines: string[] = []
  for (const { path } of reads) {
    const found = path === undefined ? undefined : await volume.lookup(path)
    if (!found) continue
    const time = (1 + lines.length / 1000).toFixed(6)
    const inode = found.file.inode.toString(16)
    lines.push(
      `            init-1       [000] .....     ${time}: mm_filemap_add_to_page_cache: dev 8:1 ino ${inode} pfn=0x1 ofs=0 order=0\n`,
    )
  }
  return lines.join('')
}

export class Workbench {
  private readonly scratch = scratchFolder()
  private mount: LoopMount | undefined
  private device: string | undefined

  private at(...names: string[]): string {
    return join(this.scratch.path, ...names)
  }

  /** Where the lines are run. */
  get work(): string {
    return this.at('work')
  }

  async make(): Promise<void> {
    const { expandTree } = await script<{ expandTree: (recipe: string, folder: string) => void }>(
      'sample/expand-tree.mjs',
    )
    const { scatter } = await script<{ scatter: (volume: unknown, seed: number) => Promise<number> }>(
      'sample/scatter.mjs',
    )
    for (const folder of ['bin', 'tree', 'aged', 'aged/boots/may', 'work', 'meta'])
      mkdirSync(this.at(folder), { recursive: true })
    for (const name of ['bootpack', 'e4defrag']) symlinkSync(join(home, `bin/${name}.js`), this.at('bin', name))
    expandTree(join(home, 'sample-trees/tiny-root/tree.tsv'), this.at('tree'))
    const image = this.at('aged/disk.img')
    writeFileSync(image, '')
    truncateSync(image, 128 << 20)
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-J', 'size=4', '-d', this.at('tree'), image])
    const volume = await openVolume(image, { write: true }, engines)
    await scatter(volume, 20_070_601)
    const trace = join(home, 'sample-trees/tiny-root/boot.trace.jsonl')
    const recording = await kernelText(volume, await readTrace(trace))
    await volume.close()
    copyFileSync(image, this.at('aged/old.img'))
    if (hasTool('qemu-img')) run('qemu-img', ['convert', '-O', 'qcow2', image, this.at('aged/disk.qcow2')])
    for (const name of ['boot', 'monday', 'tuesday', 'friday']) copyFileSync(trace, this.at('aged', `${name}.trace`))
    for (const n of [1, 2]) writeFileSync(this.at(`aged/boots/may/${n}.trace.gz`), gzipSync(readFileSync(trace)))
    for (const name of ['monday', 'tuesday']) copyFileSync(trace, this.at('aged/boots', `${name}.trace`))
    writeFileSync(this.at('aged/boot.tracefs.gz'), gzipSync(recording))
    writeFileSync(
      this.at('aged/startup.log'),
      gunzipSync(readFileSync(join(home, 'test/fixtures/trace/strace-file.txt.gz'))),
    )
    this.shell('aged', 'bootpack trace export boot.trace --to list -o files.txt')
    for (const image of ['router-2026.10', 'router-2026.11'])
      this.shell('aged', `bootpack fleet add fleet/ --image ${image} "boots/**/*.trace*"`)
    this.shell('aged', 'bootpack plan disk.img --trace boot.trace --evict -o disk.plan')
    copyFileSync(this.at('aged/disk.plan'), this.at('aged/packed.plan'))
    run('cp', ['-a', this.at('aged'), this.at('packed')])
    this.shell('packed', 'bootpack pack disk.img --trace boot.trace --evict --check -o disk.plan')
    copyFileSync(this.at('packed/disk.plan'), this.at('packed/packed.plan'))
  }

  /** Puts everything back as it was made. */
  reset(state: State): void {
    this.release()
    rmSync(this.at('work'), { recursive: true })
    run('cp', ['-a', '--sparse=always', this.at(state), this.at('work')])
  }

  /**
   * A whole command line, where / and /mnt stand for the sample mounted (for e4defrag,
   * which writes, whatever lies below / too), /mnt/meta for
   * an empty folder and /dev/sdb1 for the sample on a device.
   * @returns undefined when that needs root, or QEMU's programs
   */
  line(text: string, ok: readonly number[]): Ran | undefined {
    if (text.includes('qcow2') && !hasTool('qemu-nbd')) return undefined
    const words = text.split(' ').map((word) => {
      if (word === '/mnt/meta') return this.at('meta')
      const below = text.startsWith('e4defrag ') && word.startsWith('/') ? word : ''
      if (word === '/' || word === '/mnt' || below !== '')
        return isRoot ? join((this.mount ??= loopMount(this.at('work/disk.img'))).path, below) : undefined
      if (word === '/dev/sdb1')
        return isRoot
          ? (this.device ??= run('losetup', ['--find', '--show', this.at('work/disk.img')]).stdout.trim())
          : undefined
      return word
    })
    return words.includes(undefined) ? undefined : this.shell('work', words.join(' '), ok)
  }

  private shell(folder: string, line: string, ok: readonly number[] = [0]): Ran {
    return run('sh', ['-c', line], {
      cwd: this.at(folder),
      ok,
      timeout: 60_000,
      env: { PATH: `${this.at('bin')}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    })
  }

  private release(): void {
    spawnSync('umount', ['-q', this.at('meta')])
    this.mount?.remove()
    if (this.device !== undefined) spawnSync('losetup', ['--detach', this.device])
    this.mount = undefined
    this.device = undefined
  }

  remove(): void {
    this.release()
    this.scratch.remove()
  }
}
