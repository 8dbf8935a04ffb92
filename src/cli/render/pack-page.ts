import { viewAgain, viewOf, type BootView } from '../../pack/boot-views.js'
import type { PackResult } from '../../pack/pack-volume.js'
import type { BootSet } from '../../plan/resolve/boot-set.js'
import { withNumbers } from '../../plan/inodes/choose-numbers.js'
import { layoutAfter } from '../../plan/predict.js'
import { reportData, type ReportData } from '../../report/report-data.js'
import type { Trace } from '../../trace/model/trace.js'
import type { Volume } from '../../volume/volume.js'
import { traceFacts } from './report-page.js'

interface Packed {
  readonly target: string
  readonly traceName: string
  readonly trace: Trace
  /** As it was resolved before anything moved. */
  readonly boot: BootSet
  readonly result: PackResult
  readonly volume: Volume
}

/** What pack has to show: the layout it found, and the one it left or would leave. */
export async function packReportData({ target, traceName, trace, boot, result, volume }: Packed): Promise<ReportData> {
  const { plan, applied, undone } = result
  const before = viewOf(boot, volume)
  const after: BootView = applied
    ? await viewAgain(before, volume, plan)
    : {
        ...before,
        layout: await withNumbers(plan, layoutAfter(boot.layout, plan.rounds, volume.capabilities.treeGrowth), volume),
      }
  return reportData({
    kind: applied ? 'packed' : 'predicted',
    target,
    trace: traceFacts(traceName, trace),
    before,
    after,
    plan,
    ...(applied && { unmoved: applied.unmoved }),
    undone: undone !== undefined,
  })
}
