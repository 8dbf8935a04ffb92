import type { LayoutMeasure } from '../measure/layout-measure.js'
import { bytes, count, seconds, table } from './table.js'

/** One or more measures side by side, a line for each figure. */
export function measureTable(columns: Readonly<Record<string, LayoutMeasure>>): string {
  const measures = Object.values(columns)
  const row = (title: string, cell: (measure: LayoutMeasure) => string): string[] => [title, ...measures.map(cell)]
  const models = Object.keys(measures[0]?.modelMs ?? {})
  return table(['', ...Object.keys(columns)], [
    row('files read', ({ files }) => count(files)),
    row('data read', ({ readBlocks, blockSize }) => bytes(readBlocks * blockSize)),
    row('disk requests', ({ requests }) => count(requests)),
    row('seeks (breaks in read order)', ({ seeks }) => count(seeks)),
    row('seek distance, blocks', ({ seekDistanceBlocks }) => count(seekDistanceBlocks)),
    row('seek distance', ({ seekDistanceBlocks, blockSize }) => bytes(seekDistanceBlocks * blockSize)),
    row('span on the disk', ({ spanBlocks, blockSize }) => bytes(spanBlocks * blockSize)),
    ...models.map((model) => row(`time on ${model} (model)`, ({ modelMs }) => seconds(modelMs[model] ?? 0))),
  ])
}
