/**
 * From a decision to a plan that can be kept: names, the fingerprint of what it was
 * made from, and what is skipped.
 */
import { measureLayout } from '../measure/measure.js'
import type { Volume } from '../volume/volume.js'
import type { BootSet } from './resolve/boot-set.js'
import type { Objective } from './objective.js'
import { fingerprintOf, touchedLayouts } from './fingerprint.js'
import type { Packing } from './place/packing.js'
import type { Plan, PlanGoal, PlanVolume, PlannedMove, Skip } from './plan.js'

export interface DecidedPacking {
  readonly boot: BootSet
  readonly goal: PlanGoal
  readonly packing: Packing
  /** Besides the files that are missing. */
  readonly skipped: readonly Skip[]
  /** As the user wrote it. */
  readonly target: string
  readonly objective: Objective
}

export async function describePacking(
  volume: Volume,
  { boot, goal, packing, skipped, target, objective }: DecidedPacking,
): Promise<Plan> {
  const before = measureLayout(boot.reads, boot.layout, volume.geometry(), boot.missing.length, objective.models)
  const rounds = await nameMoves(packing.rounds, boot, volume)
  return {
    bootpack: 'plan',
    version: 1,
    volume: await identity(volume, target, rounds),
    goal,
    runs: packing.runs,
    gaps: packing.gaps,
    rounds,
    skipped: [...skipped, ...missingFiles(boot)],
    cost: packing.cost,
    measure: { before, predicted: packing.predicted },
  }
}

async function nameMoves(rounds: Packing['rounds'], boot: BootSet, volume: Volume): Promise<PlannedMove[][]> {
  const nameless = new Set<number>()
  for (const { inode } of rounds.flat()) if (boot.layout.get(inode)?.path === undefined) nameless.add(inode)
  const names = nameless.size === 0 ? new Map<number, string>() : await volume.paths(nameless)
  return rounds.map((round) =>
    round.map((move) => {
      const path = boot.layout.get(move.inode)?.path ?? names.get(move.inode)
      const { inode, kind, logical, length, from, to, why, staging } = move
      return {
        inode,
        ...(path !== undefined && { path }),
        kind,
        logical,
        length,
        from,
        to,
        why,
        ...(staging && { staging }),
      }
    }),
  )
}

const missingFiles = (boot: BootSet): Skip[] =>
  boot.missing.map((file) => ({ ...file, kind: 'data', reason: 'missing', blocks: 0 }))

async function identity(
  volume: Volume,
  target: string,
  rounds: readonly (readonly PlannedMove[])[],
): Promise<PlanVolume> {
  const { uuid, blockSize, blockCount } = volume.geometry()
  return {
    target,
    ...(volume.partition !== undefined && { partition: volume.partition }),
    uuid,
    blockSize,
    blockCount,
    fingerprint: fingerprintOf(await touchedLayouts(volume, rounds)),
  }
}
