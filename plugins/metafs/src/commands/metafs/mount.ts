import { realpathSync } from 'node:fs'
import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { shellWord } from 'bootpack/text'

export interface MetafsMount {
  readonly target: string
  readonly directory: string
  readonly engine: string
  readonly readOnly: boolean
}

export default class MetafsMountCommand extends BootpackCommand {
  static override summary = 'Show the blocks of a filesystem as files, and move them from a shell.'
  static override description = `Mounts Jan Kara's meta filesystem over an ext4 filesystem, mounted or in an
image: free space and extents to read, allocation and relocation to write.
See docs/metafs.md for every file of it.

Runs until the directory is unmounted or the command is interrupted; what
was begun is finished. With --background it returns as soon as the tree is
there; why an order was refused then stands in the file failures of the tree.`
  static override examples = [
    '<%= config.bin %> metafs mount disk.img /mnt/meta --background',
    '<%= config.bin %> metafs mount / /mnt/meta --read-only',
  ]
  static override args = {
    target: Args.string({
      description: 'mount point, path on a mounted filesystem, unmounted block device, or image file',
      required: true,
    }),
    directory: Args.string({ description: 'existing directory to mount at', required: true }),
  }
  static override flags = {
    'read-only': Flags.boolean({ description: 'refuse every change', char: 'r' }),
    partition: Flags.integer({ description: 'partition of a partitioned disk or image', helpValue: 'N', min: 0 }),
    background: Flags.boolean({ description: 'return when it is mounted; unmount it with umount', char: 'b' }),
  }

  async run(): Promise<MetafsMount> {
    const { args, flags } = await this.parse(MetafsMountCommand)
    const { startInBackground, tellParent } = await import('../../mount/background.js')
    if (flags.background) {
      // Who is in the background goes on, and its answer is waited for.
      this.abortable()
      const options = [
        ...(flags['read-only'] ? ['--read-only'] : []),
        ...(flags.partition === undefined ? [] : [`--partition=${flags.partition}`]),
      ]
      const mounted = (await startInBackground([
        'metafs',
        'mount',
        ...options,
        '--',
        args.target,
        args.directory,
      ])) as MetafsMount
      this.log(mountedLine(mounted))
      return mounted
    }
    const [{ openTarget }, { mountMeta }, { detachDead }] = await Promise.all([
      import('bootpack/cli'),
      import('../../mount/mount-meta.js'),
      import('../../mount/mounts.js'),
    ])
    try {
      await detachDead()
      const readOnly = flags['read-only']
      const volume = await openTarget(args.target, {
        write: !readOnly,
        partition: flags.partition,
        onWaiting: (why) => this.note(why),
      })
      try {
        // Before there is anything to unmount, so that no signal finds nobody.
        const stop = new AbortController()
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort())
        const mount = await mountMeta(volume, args.directory, {
          // Others compare it with what they are given, e2fsck among them.
          source: realpathSync(args.target),
          readOnly,
          onFailure: (error, node) =>
            process.stderr.write(`bootpack: ${node}: ${error instanceof Error ? error.message : String(error)}\n`),
        })
        stop.signal.addEventListener('abort', () => void mount.unmount())
        if (stop.signal.aborted) void mount.unmount()
        const mounted: MetafsMount = {
          target: args.target,
          directory: mount.directory,
          engine: volume.engine,
          readOnly,
        }
        if (!tellParent({ mounted })) this.log(mountedLine(mounted))
        await mount.ended
        return mounted
      } finally {
        await volume.close()
      }
    } catch (error) {
      tellParent({ error })
      throw error
    }
  }
}

const mountedLine = ({ target, directory, readOnly }: MetafsMount): string => {
  const why = readOnly ? '' : `\nWhy an order was refused: cat ${shellWord(`${directory}/failures`)}`
  return `${target} is shown at ${directory}${readOnly ? ', read-only' : ''}. Unmount it with: umount ${shellWord(directory)}${why}`
}
