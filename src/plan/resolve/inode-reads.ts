/**
 * Reading inodes as part of a boot. Where numbers are to change, each inode is read from
 * its table when it is first needed. A trace that tells which inodes were loaded
 * (`what: 'inode'`, see tracefs.ts) then says all there is to say of the tables, and their
 * blocks in it are left out. One that has only the blocks does not know the inodes that a
 * boot merely looks at (stat, short links): for those the tables are read wherever the
 * others go (measured: such a boot gained nothing), so the blocks stay in.
 */
import { lowerBound } from '../../lower-bound.js'
import { refused, usageError } from '../../errors.js'
import { runEnd } from '../../layout/run.js'
import type { FileLayout } from '../../layout/file-layout.js'
import type { BootRead } from '../../measure/boot-read.js'
import type { TraceRead } from '../../trace/model/trace.js'
import type { FixedRun, Volume } from '../../volume/volume.js'
import type { BootSet } from './boot-set.js'
import { tellsInodes } from '../inodes/remap-table-reads.js'

/** @throws refused where inodes keep their numbers */
export function refuseFixedNumbers(volume: Volume): void {
  if (volume.capabilities.inodeTables?.numbers) return
  throw refused(
    'numbers-fixed',
    `Inodes cannot be renumbered by ${volume.engine}: the kernel holds them by number while a filesystem is mounted.`,
    'Unmount it and name the device or image, or leave out --inodes.',
  )
}

/**
 * A trace that tells files by number alone fits nothing once the numbers have changed,
 * and leads to other files without anybody noticing.
 * @throws usage when it names an inode that may get another number, and not its path
 */
export async function refuseNumberedTrace(reads: Iterable<TraceRead>, volume: Volume): Promise<void> {
  const nameless = new Set<number>()
  for (const { ino, path } of reads) if (ino !== undefined && path === undefined) nameless.add(ino)
  const numbers = volume.capabilities.inodeTables?.numbers
  for (const inode of nameless) {
    if ((await volume.byInode(inode)) === undefined || (await numbers?.fixed(inode)) !== undefined) continue
    throw usageError(
      'numbered-trace',
      `The trace tells files by number (inode ${inode}), and with new numbers it would lead to other files.`,
      'Give it names first, and keep those: bootpack trace import TRACE --target TARGET -o boot.trace',
    )
  }
}

/** The boot with its inodes read from their tables; inodes in order of first use, directories before what is in them. */
export async function withInodeReads(boot: BootSet, volume: Volume): Promise<BootSet> {
  const { inodeTables } = volume.capabilities
  if (!inodeTables) return boot
  const layout = new Map<number, FileLayout>()
  for (const [inode, file] of boot.layout) layout.set(inode, { ...file, table: await inodeTables.place(inode) })
  const order = [...layout.keys()]
  const place = new Map(order.map((inode, index) => [inode, index]))
  const tables = volume.geometry().fixedRuns.filter(({ kind }) => kind === 'inode-table')
  const told = tellsInodes(boot.reads)
  const reads: BootRead[] = []
  let next = 0
  const load = (until: number, t: number | undefined): void => {
    for (; next < until; next++)
      reads.push({ ...(t !== undefined && { t }), kind: 'inode', inode: order[next]!, block: 0, length: 1 })
  }
  for (const read of boot.reads) {
    if (told && read.kind === 'device' && within(tables, read)) continue
    if (read.kind !== 'device') load((place.get(read.inode) ?? -1) + 1, read.t)
    if (read.kind !== 'inode') reads.push(read)
  }
  load(order.length, undefined)
  return { ...boot, reads, layout }
}

/** @param runs sorted */
function within(runs: readonly FixedRun[], { block, length }: BootRead): boolean {
  const low = lowerBound(runs.length, (place) => runEnd(runs[place]!) > block)
  const run = runs[low]
  return run !== undefined && run.start <= block && block + length <= runEnd(run)
}
