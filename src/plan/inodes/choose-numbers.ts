/**
 * The part of a plan that gives inodes other numbers: the thin edge around slot-window.ts.
 * Each inode that changes its number must be known by a name, since that is how it is
 * found when the plan is applied again, verified or undone.
 */
import { fsBlock } from '../../layout/block.js'
import type { DiskLayout } from '../../layout/file-layout.js'
import { measureLayout } from '../../measure/measure.js'
import { slotState, type InodeTable, type InodeTables } from '../../volume/capabilities.js'
import type { Volume } from '../../volume/volume.js'
import type { Objective } from '../objective.js'
import type { BootSet } from '../resolve/boot-set.js'
import { exchangesTowards, numbersAfter } from './permutation.js'
import type { Plan, PlanInodes, PlannedRenumbering } from '../plan.js'
import { chooseSlots } from './slot-window.js'

/** Slots looked at for each inode of the boot. */
const slotsPerInode = 16
/** Tables looked at, at most. */
const mostTables = 64

/** Times that inodes without a name are left out and the others planned again. */
const mostAttempts = 8

/**
 * The plan with inodes renumbered, if the predicted measure is better for it.
 * @param after     the layout after the plan's rounds
 * @param knownFrom what the trace told of inodes
 * @throws unsupported when no inode of the filesystem may have another number
 */
export async function withInodes(
  plan: Plan,
  volume: Volume,
  boot: BootSet,
  after: DiskLayout,
  knownFrom: PlanInodes['knownFrom'],
  objective: Objective,
): Promise<Plan> {
  const places = await planInodes(volume, boot, plan.runs[0]?.start ?? plan.goal.block, objective)
  if (!places) return plan
  const inodes: PlanInodes = { knownFrom, ...places }
  const predicted = measureLayout(
    boot.reads,
    await withNumbers({ inodes }, after, volume),
    volume.geometry(),
    boot.missing.length,
    objective.models,
  )
  if (!objective.isBetter(predicted, plan.measure.predicted)) return plan
  const { bootpack, volume: identity, goal, runs, gaps, rounds, ...rest } = plan
  return {
    bootpack,
    ...rest,
    version: 2,
    volume: identity,
    goal,
    runs,
    gaps,
    rounds,
    inodes,
    measure: { before: plan.measure.before, predicted },
  }
}

/** The layout when a plan's inodes have their numbers; it goes on knowing them by those they had. */
export async function withNumbers(
  { inodes }: { readonly inodes?: Pick<PlanInodes, 'renumberings'> },
  before: DiskLayout,
  volume: Volume,
): Promise<DiskLayout> {
  if (!inodes) return before
  const layout = new Map(before)
  for (const { inode, to } of inodes.renumberings) {
    const file = layout.get(inode)
    if (file) layout.set(inode, { ...file, table: await volume.capabilities.inodeTables!.place(to) })
  }
  return layout
}

/** @param goal first block of the run, which boots go back and forth to */
async function planInodes(
  volume: Volume,
  boot: BootSet,
  goal: number,
  { weights }: Objective,
): Promise<Omit<PlanInodes, 'knownFrom'> | undefined> {
  const inodeTables = volume.capabilities.inodeTables!
  const numbers = inodeTables.numbers!
  const { blockCount } = volume.geometry()
  let wanted: number[] = []
  for (const inode of boot.layout.keys()) if ((await numbers.fixed(inode)) === undefined) wanted.push(inode)
  const tables = await nearestTables(inodeTables, volume.geometry().groupCount, goal, wanted.length)
  for (let attempt = 0; attempt < mostAttempts && wanted.length > 0; attempt++) {
    const slots = chooseSlots({
      wanted,
      tables,
      goal: fsBlock(goal),
      inodesPerBlock: inodeTables.shape.inodesPerBlock,
      blockCount,
      weights,
    })
    const exchanges = exchangesTowards(slots.map((to, index) => ({ now: wanted[index]!, to })))
    const after = numbersAfter(exchanges, (number) => !isFree(tables, number))
    if (after.size === 0) return undefined
    const names = await namesOf(volume, boot, [...after.keys()])
    const nameless = [...after.keys()].filter((inode) => !names.has(inode))
    if (nameless.length === 0) {
      const placed = slots.flatMap((to, index) =>
        wanted[index] === to ? [] : [renumbering(wanted[index]!, to, 'boot')],
      )
      const ofBoot = new Set(placed.map(({ inode }) => inode))
      const evicted = [...after]
        .filter(([inode]) => !ofBoot.has(inode))
        .sort(([a], [b]) => a - b)
        .map(([inode, to]) => renumbering(inode, to, 'evict'))
      const blocks: number[] = []
      for (const slot of slots) blocks.push((await inodeTables.place(slot)).block)
      const first = blocks.reduce((least, block) => Math.min(least, block), Infinity)
      const last = blocks.reduce((most, block) => Math.max(most, block), 0)
      return { table: { start: fsBlock(first), length: last - first + 1 }, renumberings: [...placed, ...evicted] }
    }
    for (const inode of nameless) fix(tables, inode)
    wanted = wanted.filter((inode) => !nameless.includes(inode))

    function renumbering(inode: number, to: number, why: PlannedRenumbering['why']): PlannedRenumbering {
      return { inode, to, path: names.get(inode)!, why }
    }
  }
  return undefined
}

/** Names that lead to the inodes, links not followed. */
async function namesOf(volume: Volume, boot: BootSet, inodes: readonly number[]): Promise<Map<number, string>> {
  const { inodeAt } = volume.capabilities.inodeTables!
  const names = new Map<number, string>()
  for (const inode of inodes) {
    const path = boot.layout.get(inode)?.path
    if (path !== undefined && (await inodeAt(path)) === inode) names.set(inode, path)
  }
  const found = await volume.paths(inodes.filter((inode) => !names.has(inode)))
  for (const [inode, path] of found) if ((await inodeAt(path)) === inode) names.set(inode, path)
  return names
}

/** The tables that lie nearest to the goal, in rising order of their inodes. */
async function nearestTables(
  { shape: { inodesPerGroup }, place, numbers }: InodeTables,
  groupCount: number,
  goal: number,
  inodes: number,
): Promise<InodeTable[]> {
  const groups: { readonly group: number; readonly away: number }[] = []
  for (let group = 0; group < groupCount; group++)
    groups.push({ group, away: Math.abs((await place(group * inodesPerGroup + 1)).block - goal) })
  groups.sort((a, b) => a.away - b.away || a.group - b.group)
  const tables: InodeTable[] = []
  let slots = 0
  for (const { group } of groups) {
    if (tables.length === mostTables || slots >= slotsPerInode * Math.max(inodes, inodesPerGroup)) break
    const table = await numbers!.table(group)
    if (table.states.length === 0) continue
    tables.push(table)
    slots += table.states.length
  }
  return tables.sort((a, b) => a.firstInode - b.firstInode)
}

const slotOf = (tables: readonly InodeTable[], inode: number): { table: InodeTable; slot: number } | undefined => {
  const table = tables.find(({ firstInode, states }) => inode >= firstInode && inode < firstInode + states.length)
  return table && { table, slot: inode - table.firstInode }
}

function isFree(tables: readonly InodeTable[], inode: number): boolean {
  const found = slotOf(tables, inode)
  return found !== undefined && found.table.states[found.slot] === slotState.free
}

function fix(tables: readonly InodeTable[], inode: number): void {
  const found = slotOf(tables, inode)
  if (found) found.table.states[found.slot] = slotState.fixed
}
