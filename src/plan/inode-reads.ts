/**
 * Reading inodes as part of a boot. Traces see the files of a boot and the blocks of the
 * inode tables, but not which inode a block was read for; so where numbers are to change,
 * the blocks are left out and each inode is read from its table when it is first needed.
 * Inodes that a boot only looks at (stat) and never reads are unknown.
 */
import { unsupported } from '../errors.js'
import { runEnd } from '../layout/run.js'
import type { BootRead } from '../measure/boot-read.js'
import type { FixedRun, Volume } from '../volume/volume.js'
import type { BootSet } from './boot-set.js'

/** @throws unsupported where inodes keep their numbers */
export function refuseFixedNumbers(volume: Volume): void {
  if (volume.inodeNumbers) return
  throw unsupported('numbers-fixed', `Inodes cannot be renumbered by ${volume.engine}: the kernel holds them by number while a filesystem is mounted.`,
    'Unmount it and name the device or image, or leave out --inodes.')
}

/** The boot with its inodes read from their tables; inodes in order of first use, directories before what is in them. */
export function withInodeReads(boot: BootSet, volume: Volume): BootSet {
  const { inodeRead } = volume
  if (!inodeRead) return boot
  const layout = new Map([...boot.layout].map(([inode, file]) => [inode, { ...file, table: volume.inodeRead!(inode) }]))
  const order = [...layout.keys()]
  const place = new Map(order.map((inode, index) => [inode, index]))
  const tables = volume.geometry().fixedRuns.filter(({ kind }) => kind === 'inode-table')
  const reads: BootRead[] = []
  let next = 0
  const load = (until: number, t: number | undefined): void => {
    for (; next < until; next++) reads.push({ ...(t !== undefined && { t }), kind: 'inode', inode: order[next]!, block: 0, length: 1 })
  }
  for (const read of boot.reads) {
    if (read.kind === 'device' && within(tables, read)) continue
    if (read.kind !== 'device') load((place.get(read.inode) ?? -1) + 1, read.t)
    reads.push(read)
  }
  load(order.length, undefined)
  return { ...boot, reads, layout }
}

/** @param runs sorted */
function within(runs: readonly FixedRun[], { block, length }: BootRead): boolean {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runEnd(runs[middle]!) > block) high = middle
    else low = middle + 1
  }
  const run = runs[low]
  return run !== undefined && run.start <= block && block + length <= runEnd(run)
}
