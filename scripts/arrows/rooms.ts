/**
 * The rooms of the source and the arrows between them: who may import whom. This is the
 * one place they are written down. `npm run arrows` holds every import to it, static,
 * dynamic or of a type, and makes the table of docs/architecture.md from it.
 *
 * Rooms are named after their folder below src (or after their file); a room within a
 * room stands for itself. A room may always import itself and `errors`. What is listed
 * and not used is an error too: a wider arrow than needed is an invitation.
 */

export interface Room {
  readonly name: string
  /** What lives there, for docs/architecture.md. */
  readonly what: string
  /** Other rooms it may import; 'any' for the edges of the program. */
  readonly imports: readonly string[] | 'any'
  /** Packages from the registry; none when absent. */
  readonly packages?: readonly string[]
  /** Modules of Node (without `node:`); any when absent, and none makes a room pure. */
  readonly node?: readonly string[]
}

export const rooms: readonly Room[] = [
  {
    name: 'error-codes',
    what: 'the closed set of error codes: family, meaning, what to do (docs/errors.md)',
    imports: [],
    node: [],
  },
  {
    name: 'errors',
    what: 'one error class; its family decides the exit code',
    imports: ['error-codes'],
    node: [],
  },
  {
    name: 'lower-bound',
    what: 'the binary search; pure',
    imports: [],
    node: [],
  },
  {
    name: 'text',
    what: 'numbers, tables, paths and words as people and shells read them; pure',
    imports: [],
    node: [],
  },
  {
    name: 'bytes',
    what: 'little-endian views, checksums, bit sets, names of any bytes; pure',
    imports: [],
    node: [],
  },
  {
    name: 'layout',
    what: 'blocks, extents, runs, owners, and their algebra; pure',
    imports: ['lower-bound'],
    node: [],
  },
  {
    name: 'files',
    what: 'ordinary files written safely: whole or not at all, and never over a disk',
    imports: ['text'],
  },
  {
    name: 'host',
    what: 'what this machine says of itself: mounts, block devices, who writes where; the lock of one writer',
    imports: ['kernel', 'bytes', 'layout', 'text'],
  },
  {
    name: 'storage',
    what: 'the bytes of an image or device: files, partitions, caches, writes put together',
    imports: ['layout'],
  },
  {
    name: 'disk',
    what: 'partition tables, and disk containers that are recognised',
    imports: ['storage', 'bytes', 'text'],
  },
  {
    name: 'qemu',
    what: "disks in QEMU's formats: read and written through qemu-nbd, copied by qemu-img",
    imports: ['storage', 'text'],
  },
  {
    name: 'kernel',
    what: 'the only importer of koffi; one file per system call or ioctl',
    imports: [],
    packages: ['koffi'],
  },
  {
    name: 'trace',
    what: 'the trace, its file format, one file per foreign format, merging; pure but for streams',
    imports: ['lower-bound', 'bytes', 'files', 'text'],
  },
  {
    name: 'collect',
    what: 'recorders of boots',
    imports: ['bytes', 'kernel', 'host', 'trace', 'text'],
  },
  {
    name: 'mballoc',
    what: 'the allocator; pure (docs/mballoc.md)',
    imports: ['lower-bound', 'layout'],
    node: [],
  },
  {
    name: 'measure',
    what: 'read order x layout = device reads; seek statistics; disk models; pure',
    imports: ['lower-bound', 'layout'],
    node: [],
  },
  {
    name: 'volume',
    what: 'the Volume contract, and the choice of an engine',
    imports: ['layout', 'mballoc', 'text'],
  },
  {
    name: 'plan',
    what: 'trace + volume = plan; the decision itself (`place/packing.ts`) is pure',
    imports: ['lower-bound', 'layout', 'trace', 'mballoc', 'measure', 'volume', 'text'],
    node: ['crypto'],
  },
  {
    name: 'ext4',
    what: 'ext4 on disk, one structure per file; journal; the offline engine',
    imports: ['lower-bound', 'bytes', 'layout', 'mballoc', 'volume', 'storage', 'disk', 'qemu', 'host', 'text'],
    packages: ['p-limit'],
  },
  {
    name: 'mounted',
    what: 'the engine for mounted ext4: reserve, swap in, verify',
    imports: ['lower-bound', 'kernel', 'layout', 'mballoc', 'volume', 'ext4', 'storage', 'host', 'bytes', 'text'],
  },
  {
    name: 'blocks',
    what: "Jan Kara's calls: what the mail asks for is checked here, the engines' `calls/` do it",
    imports: ['layout', 'volume'],
  },
  {
    name: 'pack',
    what: 'drives a plan through a volume: gate, apply, verify, resume, undo',
    imports: ['plan', 'volume', 'measure', 'layout', 'trace'],
  },
  {
    name: 'packed-copy',
    what: 'packing into a new image: what is worked on, and how it takes its place',
    imports: ['qemu', 'ext4', 'disk', 'storage', 'files', 'host', 'volume', 'text'],
  },
  {
    name: 'e4defrag',
    what: 'the command of that name, without oclif, so that it starts fast',
    imports: ['kernel', 'bytes', 'text', 'layout', 'volume', 'mounted', 'host', 'trace', 'pack', 'plan'],
  },
  {
    name: 'preload',
    what: 'what to read before a boot, in which order, and its list; pure (docs/preload.md)',
    imports: ['bytes', 'layout', 'measure', 'plan', 'volume'],
    node: [],
  },
  {
    name: 'provision',
    what: 'puts a preload into a system, mounted or an image',
    imports: [
      'preload',
      'collect',
      'kernel',
      'layout',
      'plan',
      'trace',
      'volume',
      'ext4',
      'mounted',
      'storage',
      'text',
    ],
  },
  {
    name: 'shutdown',
    what: 'packs while the machine goes down: orders, the environment they are carried out in, and the program in it (docs/shutdown.md)',
    imports: ['collect', 'host', 'kernel', 'measure', 'mounted', 'plan', 'volume', 'bytes', 'text'],
  },
  {
    name: 'boots',
    what: 'how long boots took, and whether they have become faster (docs/boots.md)',
    imports: ['collect', 'host', 'shutdown'],
  },
  {
    name: 'auto',
    what: 'packs the machine it runs on over its next boots: what comes next (`machine.ts`, pure), and the commands it is done by (docs/auto.md)',
    imports: ['boots', 'collect', 'host', 'shutdown', 'text'],
  },
  {
    name: 'doctor',
    what: 'what can be done with a target, and whether it is worth it',
    imports: ['volume', 'layout'],
  },
  {
    name: 'report',
    what: 'tables, pictures and texts for people; `html/` makes the page of [report](report.md)',
    imports: ['measure', 'plan', 'layout', 'trace', 'doctor', 'text', 'report/embedded'],
  },
  {
    name: 'report/embedded',
    what: 'the data that is embedded in the page: what `html/` writes and `page/` reads',
    imports: [],
    node: [],
  },
  {
    name: 'report/page',
    what: 'what runs in the page: a TypeScript project of its own, for browsers',
    imports: ['lower-bound', 'report/embedded', 'text'],
    node: [],
  },
  {
    name: 'engines',
    what: 'the table of engines that come with bootpack',
    imports: ['ext4', 'mounted', 'volume'],
    node: [],
  },
  {
    name: 'cli',
    what: 'what commands share: flags, progress, files',
    imports: [
      'text',
      'plan',
      'trace',
      'collect',
      'volume',
      'pack',
      'preload',
      'files',
      'report',
      'engines',
      'host',
      'measure',
      'provision',
      'shutdown',
      'boots',
      'auto',
      'mounted',
      'doctor',
    ],
    packages: ['@oclif/core', 'fast-glob'],
  },
  {
    name: 'hooks',
    what: 'what oclif calls where no command fits',
    imports: ['cli'],
    packages: ['@oclif/core'],
    node: [],
  },
  {
    name: 'commands',
    what: 'one file per command: parse, call one service, render',
    imports: 'any',
    packages: ['@oclif/core'],
  },
  {
    name: 'public',
    what: 'the library: `bootpack` and its subpaths; plugins import only these',
    imports: 'any',
    packages: ['@oclif/core'],
    node: [],
  },
]

/** What a plugin brings of its own. */
const pluginPackages: Readonly<Record<string, readonly string[]>> = {
  fleet: ['@duckdb/node-api', '@clickhouse/client'],
}

/** Each plugin is a room too: its own package, which sees of bootpack what the world sees. */
export const pluginRoom = (name: string): Room => ({
  name: `plugins/${name}`,
  what: 'an oclif plugin',
  imports: ['public'],
  packages: ['@oclif/core', ...(pluginPackages[name] ?? [])],
})
