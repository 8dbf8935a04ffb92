/**
 * Gives inodes other numbers, that is other slots in the inode tables.
 *
 * The unit is an exchange: an inode goes to a slot, and whoever is there takes its
 * place. Each exchange is whole in itself and never split between transactions, so that
 * a crash leaves a filesystem in which some have happened and some have not. Any
 * permutation is a sequence of exchanges, and none of them changes more than two inodes,
 * so that the journal takes them one by one however long a cycle is.
 *
 * Nothing is believed of an exchange: both inodes must be of those that may change their
 * number (renumber-eligible.ts), and every link they count must have been found among
 * the names of the filesystem (renumber-references.ts).
 *
 * The generation of an inode goes with it. It is what makes a number that was used again
 * another file for those who keep numbers, and the checksums are seeded with both; but a
 * handle made before (NFS) names the old number, and no generation can mend that.
 */
import type { NumberReason } from '../../layout/reason.js'
import type { RenumberOptions, RenumberOutcome, Renumbering } from '../../volume/capabilities.js'
import type { Stayed } from '../../volume/volume.js'
import { hasBit } from '../../bytes/bitset.js'
import type { Suspects } from '../ownership/claim-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfInode } from '../format/group-layout.js'
import { isSystemInode } from '../ownership/immovable.js'
import { RenumberBatch } from './batch.js'
import { numberReason, refuseRenumbering } from './eligible.js'
import { CurrentNumbers } from './numbers.js'
import { findReferences, unsoundNames, type References } from './references.js'
import type { Committer } from '../commit/committer.js'

/** Blocks of a journal that may not be for transactions: its superblock and an area for fast commits. */
const journalOverhead = 257
/** Blocks there is memory for, where no journal sets a bound. */
const mostBlocks = 2 ** 20

/**
 * Blocks that one inode may change: two of them are exchanged, and their names besides.
 * @param committer undefined for a filesystem that is only read: then it is what its
 *                  journal will take at least, so that what is planned can be done
 */
export async function mostBlocksPerInode(
  filesystem: Filesystem,
  committer: Pick<Committer, 'capacity'> | undefined,
): Promise<number> {
  const { journalInode } = filesystem.superblock
  let capacity = committer?.capacity ?? mostBlocks
  if (!committer && journalInode !== 0) {
    const blocks = Math.floor((await filesystem.readInode(journalInode)).size / filesystem.blockSize)
    capacity = Math.floor(Math.max(0, blocks - journalOverhead) * 0.9)
  }
  return Math.floor(Math.min(capacity, mostBlocks) / 4)
}

/**
 * Carries out exchanges in the order given, each seeing the numbers that those before
 * left. Each gets one outcome; on an abort those that had not begun get none. One that
 * rests on numbers of another that was skipped is skipped too.
 * @throws refused, unsupported when nothing may be renumbered; corrupt when a directory
 *         or anything else looked at is damaged; io
 */
export async function* renumberOnImage(
  filesystem: Filesystem,
  committer: Committer,
  suspects: Suspects,
  exchanges: readonly Renumbering[],
  options: RenumberOptions,
): AsyncGenerator<RenumberOutcome, void, undefined> {
  refuseRenumbering(filesystem.superblock)
  const slots = new Map<number, SlotUse>()
  for (const number of new Set(exchanges.flatMap(({ inode, to }) => [inode, to])))
    slots.set(number, await useOf(filesystem, number))
  const used = new Set([...slots].filter(([, use]) => use === 'used').map(([number]) => number))
  const references = await findReferences(filesystem, used)
  const reasons = await unfit(filesystem, committer, used, references)
  const numbers = new CurrentNumbers(used)
  const doubtful = new Set<number>()

  let batch = new RenumberBatch(filesystem, committer, references, numbers, suspects)
  let waiting: { renumbering: Renumbering; original: number }[] = []
  const finish = async (): Promise<RenumberOutcome[]> => {
    const found = await batch.carryOut()
    const outcomes = waiting.map(({ renumbering, original }): RenumberOutcome =>
      found.has(original)
        ? { renumbering, status: 'renumbered' }
        : { renumbering, status: 'skipped', reason: 'unconfirmed' },
    )
    batch = new RenumberBatch(filesystem, committer, references, numbers, suspects)
    waiting = []
    return outcomes
  }
  for (const renumbering of exchanges) {
    if (options.signal?.aborted) break
    const { inode, to } = renumbering
    const original = numbers.holder(inode)
    let problem: Stayed<NumberReason> | undefined =
      doubtful.has(inode) || doubtful.has(to) ? { reason: 'after-skipped' } : undefined
    problem ??= slotProblem(inode, slots) ?? slotProblem(to, slots)
    if (inode === to) problem ??= { reason: 'same-number' }
    if (original === undefined) problem ??= { reason: 'no-inode', detail: `inode ${inode}` }
    for (const holder of [original, numbers.holder(to)]) if (holder !== undefined) problem ??= reasons.get(holder)
    if (problem === undefined && !(await batch.add(renumbering))) {
      if (!batch.isEmpty) yield* await finish()
      if (!(await batch.add(renumbering))) problem = { reason: 'journal-full' }
    }
    if (problem === undefined) waiting.push({ renumbering, original: original! })
    else {
      doubtful.add(inode).add(to)
      yield { renumbering, status: 'skipped', ...problem }
    }
    options.onProgress?.(1)
  }
  if (!batch.isEmpty) yield* await finish()
}

type SlotUse = 'used' | 'free' | 'never-used' | 'none'

async function useOf(filesystem: Filesystem, number: number): Promise<SlotUse> {
  const { superblock } = filesystem
  if (!filesystem.inodeInRange(number)) return 'none'
  const group = groupOfInode(superblock, number)
  const { inodesUninitialised, unusedInodes } = filesystem.groups.get(group)
  const bit = (number - 1) % superblock.inodesPerGroup
  if (inodesUninitialised || bit >= superblock.inodesPerGroup - unusedInodes) return 'never-used'
  if (hasBit(await filesystem.inodeBitmap(group), bit)) return 'used'
  return number <= superblock.firstInode || isSystemInode(number, superblock) ? 'none' : 'free'
}

function slotProblem(number: number, slots: ReadonlyMap<number, SlotUse>): Stayed<NumberReason> | undefined {
  const use = slots.get(number)
  const detail = `inode ${number}`
  if (use === 'never-used') return { reason: 'never-used', detail }
  return use === 'none' ? { reason: 'no-slot', detail } : undefined
}

async function unfit(
  filesystem: Filesystem,
  committer: Committer,
  used: ReadonlySet<number>,
  references: References,
): Promise<Map<number, Stayed<NumberReason>>> {
  const reasons = new Map<number, Stayed<NumberReason>>()
  const most = await mostBlocksPerInode(filesystem, committer)
  for (const number of used) {
    const inode = await filesystem.readInode(number)
    const reason = await numberReason(filesystem, inode, most)
    const detail = reason === undefined ? unsoundNames(inode, references.of.get(number)!) : undefined
    if (reason !== undefined) reasons.set(number, { reason })
    else if (detail !== undefined) reasons.set(number, { reason: 'unsound-names', detail })
  }
  return reasons
}
