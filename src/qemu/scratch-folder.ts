import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A folder that is gone when bootpack is, even by kill -9: a shell waits for the end of a
 * pipe that bootpack holds, and takes it away. Twice, since a program that was ended at the
 * same moment may have been making a file.
 */
export class ScratchFolder {
  readonly path: string
  private readonly keeper: ChildProcess

  private constructor(path: string, keeper: ChildProcess) {
    this.path = path
    this.keeper = keeper
  }

  /** @throws as making a folder does */
  static async create(parent: string, prefix: string): Promise<ScratchFolder> {
    const path = await mkdtemp(join(parent, prefix))
    const keeper = spawn('sh', ['-c', 'cat >/dev/null; rm -rf -- "$1"; sleep 1; rm -rf -- "$1"', 'sh', path], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    keeper.on('error', () => {})
    keeper.stdin!.on('error', () => {})
    // Neither keeps bootpack from ending.
    keeper.unref()
    ;(keeper.stdin as unknown as { unref(): void }).unref()
    return new ScratchFolder(path, keeper)
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
    this.keeper.stdin!.end()
  }
}
