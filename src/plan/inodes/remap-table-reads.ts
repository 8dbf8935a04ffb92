/**
 * Blocks of inode tables in a trace whose files have other numbers now: renumbered, or
 * replaced by an upgrade. A trace tells those blocks by their place on the device, and
 * the files by name and by the number they had; where the two no longer fit, the inode
 * is read from where it is now. If the trace tells all inodes that were loaded, nothing
 * is read any more where only such inodes were; else others may have been looked at there.
 */
import { runEnd, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { BootRead } from '../../measure/boot-read.js'
import type { Geometry } from '../../volume/volume.js'

/** Whether the trace told which inodes were loaded, those that are only looked at included. */
export const tellsInodes = (reads: readonly BootRead[]): boolean => reads.some(({ kind }) => kind === 'inode')

/** The blocks that are read to load an inode. */
export type TableRead = (inode: number) => BlockRun

/**
 * @param reads   resolved, in time order
 * @param moved   inode a name leads to now, and the number it had when the trace was recorded
 * @param stayed  the other inodes of the boot
 */
export function leaveTables(
  reads: readonly BootRead[],
  moved: ReadonlyMap<number, number>,
  stayed: Iterable<number>,
  tableRead: TableRead,
  { fixedRuns }: Pick<Geometry, 'fixedRuns'>,
): BootRead[] {
  const left = RunSet.of(tellsInodes(reads) ? [...moved.values()].map(tableRead) : [])
  for (const inode of stayed) left.remove(tableRead(inode))
  const tables = RunSet.of(fixedRuns.filter(({ kind }) => kind === 'inode-table'))
  const unread = new Set(moved.keys())
  const followed: BootRead[] = []
  for (const read of reads) {
    if (unread.delete(read.inode)) {
      const { start, length } = tableRead(read.inode)
      followed.push({ ...(read.t !== undefined && { t: read.t }), kind: 'device', inode: 0, block: start, length })
    }
    const run = { start: read.block, length: read.length } as BlockRun
    if (read.kind !== 'device' || !left.intersects(run)) followed.push(read)
    else for (const { start, length } of kept(run, left, tables)) followed.push({ ...read, block: start, length })
  }
  return followed
}

/** What of a read is not in the tables that were left, in the order of the disk. */
function kept(run: BlockRun, left: RunSet, tables: RunSet): BlockRun[] {
  const rest = RunSet.of([...left.missingFrom(run)])
  for (const part of left.within(run)) for (const other of [...tables.missingFrom(part)]) rest.add(other)
  return [...rest].filter(({ length }) => length > 0).sort((a, b) => runEnd(a) - runEnd(b))
}
