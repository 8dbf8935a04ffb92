/**
 * Everything the page shows, as plain data: `bootpack report --json` prints it, the
 * HTML draws it. Nothing here is text for people but names of files, which are as the
 * disk has them: whoever shows them escapes them.
 */
import type { DiskLayout } from '../layout/file-layout.js'
import type { BlockRun } from '../layout/run.js'
import type { BootRead } from '../measure/boot-read.js'
import { diskModels, type DiskModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import { measureLayout } from '../measure/measure.js'
import { jumpsOf, readMarks, type ReadMark } from '../measure/read-marks.js'
import { seekHistogram, type SeekBin } from '../measure/seek-histogram.js'
import type { Plan, PlanCost, PlanGap, PlanGoal, Skip } from '../plan/plan.js'
import type { Staying } from './stay-lines.js'
import { differingFiles, movedFiles, type MovedFile } from './moved-files.js'

/** A boot on a layout; the pack room's views have these fields. */
export interface View {
  readonly reads: readonly BootRead[]
  readonly layout: DiskLayout
  readonly missing: readonly { readonly inode?: number; readonly path?: string }[]
  readonly geometry: { readonly uuid: string; readonly blockSize: number; readonly blockCount: number }
}

/**
 * now: one layout; predicted: before is on the disk, after is the plan's;
 * packed: after was read back from the disk after packing, before was read from it;
 * applied: after is on the disk, before rebuilt from the plan; compared: two filesystems.
 */
export type ReportKind = 'now' | 'predicted' | 'packed' | 'applied' | 'compared'

export interface ReportInput {
  readonly kind: ReportKind
  /** As the user named it. */
  readonly target: string
  /** The other one of a comparison, where the boot was before. */
  readonly other?: string
  readonly trace: { readonly name: string; readonly source: string; readonly recorded?: string; readonly lost?: number }
  readonly before: View
  readonly after?: View
  readonly plan?: Plan
  /** How far the plan has come, blocks. */
  readonly placed?: { readonly placedBlocks: number; readonly totalBlocks: number }
  /** What could not be moved when it was tried. */
  readonly unmoved?: readonly Staying[]
  /** Everything was put back, because it had become worse. */
  readonly undone?: boolean
  /** Reads that only one of two filesystems could answer. */
  readonly leftOut?: number
  readonly models?: readonly DiskModel[]
}

export interface ReportLayout {
  readonly name: 'now' | 'before' | 'predicted' | 'after'
  readonly blockSize: number
  readonly blockCount: number
  readonly uuid: string
  readonly measure: LayoutMeasure
  readonly histogram: readonly SeekBin[]
  /** Seeks that lead to or from what never moves: inode tables, bitmaps and the like. */
  readonly fixedSeeks: number
  /** In read order. */
  readonly marks: readonly ReportMark[]
  /** Pieces the boot was read in; more than `marks` when the picture has only a sample. */
  readonly pieces: number
}

/** A piece of the boot: `file` is an index into the report's files, absent for fixed blocks. */
export interface ReportMark extends Omit<ReadMark, 'inode'> {
  readonly file?: number
}

export interface ReportPlan {
  readonly goal: PlanGoal
  readonly runs: readonly BlockRun[]
  readonly gaps: readonly PlanGap[]
  readonly cost: PlanCost
  readonly rounds: number
  readonly moves: number
  readonly withEviction?: Plan['withEviction']
  /** Whether its figures come from another trace or another state of the disk than this report's. */
  readonly otherFigures: boolean
}

export interface ReportData {
  readonly bootpack: 'report'
  readonly version: 1
  readonly kind: ReportKind
  readonly target: string
  readonly other?: string
  readonly trace: ReportInput['trace'] & { readonly reads: number; readonly timed: boolean }
  readonly placed?: ReportInput['placed']
  readonly undone: boolean
  readonly leftOut: number
  /** The first is what was, or what is when there is one only. */
  readonly layouts: readonly ReportLayout[]
  readonly disks: readonly { readonly name: string; readonly source: string }[]
  readonly files: readonly string[]
  readonly plan?: ReportPlan
  readonly moved: readonly MovedFile[]
  readonly skipped: readonly Skip[]
  readonly unmoved: readonly Staying[]
}

/** More pieces than this are drawn as a sample: a browser has to hold them. */
export const mostMarks = 200_000

export function reportData(input: ReportInput): ReportData {
  const {
    kind,
    target,
    other,
    trace,
    before,
    after,
    plan,
    placed,
    unmoved = [],
    undone = false,
    leftOut = 0,
    models = diskModels,
  } = input
  const files = new Map<string, number>()
  const names =
    kind === 'now' ? (['now'] as const) : (['before', kind === 'predicted' ? 'predicted' : 'after'] as const)
  const layouts = [before, after].flatMap((view, i) =>
    view && names[i] ? [layoutOf(names[i], view, files, models)] : [],
  )
  const order = [...new Set(before.reads.map(({ inode }) => inode))]
  return {
    bootpack: 'report',
    version: 1,
    kind,
    target,
    ...(other !== undefined && { other }),
    trace: { ...trace, reads: before.reads.length, timed: before.reads.some(({ t }) => t !== undefined) },
    ...(placed && { placed }),
    undone,
    leftOut,
    layouts,
    disks: models.map(({ name, source }) => ({ name, source })),
    files: [...files.keys()],
    ...(plan && { plan: planOf(plan, layouts[0]!) }),
    moved: plan ? movedFiles(plan.rounds) : after ? differingFiles(before.layout, after.layout, order) : [],
    skipped: plan?.skipped ?? before.missing.map((file) => ({ ...file, kind: 'data', reason: 'missing', blocks: 0 })),
    unmoved,
  }
}

function layoutOf(
  name: ReportLayout['name'],
  view: View,
  files: Map<string, number>,
  models: readonly DiskModel[],
): ReportLayout {
  const { blockSize, blockCount, uuid } = view.geometry
  const marks = readMarks(view.reads, view.layout)
  const jumps = jumpsOf(marks)
  const every = Math.ceil(marks.length / mostMarks)
  const drawn = every <= 1 ? marks : marks.filter((_, i) => i % every === 0)
  return {
    name,
    blockSize,
    blockCount,
    uuid,
    measure: measureLayout(view.reads, view.layout, view.geometry, view.missing.length, models),
    histogram: seekHistogram(
      jumps.map(({ distance }) => distance),
      blockCount,
    ),
    fixedSeeks: jumps.filter(({ fixed }) => fixed).length,
    marks: drawn.map(({ inode, ...mark }) =>
      mark.kind === 'device' ? mark : { ...mark, file: indexOf(nameOf(inode, view.layout), files) },
    ),
    pieces: marks.length,
  }
}

const nameOf = (inode: number, layout: DiskLayout): string => layout.get(inode)?.path ?? `inode ${inode}`

function indexOf(name: string, files: Map<string, number>): number {
  const known = files.get(name)
  if (known !== undefined) return known
  files.set(name, files.size)
  return files.size - 1
}

function planOf({ goal, runs, gaps, cost, rounds, withEviction, measure }: Plan, before: ReportLayout): ReportPlan {
  return {
    goal,
    runs,
    gaps,
    cost,
    rounds: rounds.length,
    moves: rounds.reduce((sum, round) => sum + round.length, 0),
    ...(withEviction && { withEviction }),
    otherFigures:
      measure.before.seeks !== before.measure.seeks ||
      measure.before.seekDistanceBlocks !== before.measure.seekDistanceBlocks,
  }
}
