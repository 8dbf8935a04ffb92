import type { LayoutMeasure } from '../measure/layout-measure.js'
import type { CostShare } from '../measure/breakdown.js'
import { escapePath } from '../text/escape-path.js'
import { shorten, table } from '../text/table.js'
import { bytes, count, seconds } from '../text/units.js'

/** One or more measures side by side, a line for each figure. */
export function measureTable(columns: Readonly<Record<string, LayoutMeasure>>): string {
  const measures = Object.values(columns)
  const row = (title: string, cell: (measure: LayoutMeasure) => string): string[] => [title, ...measures.map(cell)]
  const models = Object.keys(measures[0]?.modelMs ?? {})
  return table(
    ['', ...Object.keys(columns)],
    [
      row('files read', ({ files }) => count(files)),
      ...(measures.some(({ missing }) => missing > 0)
        ? [row('files that are not there', ({ missing }) => count(missing))]
        : []),
      row('data read', ({ readBlocks, blockSize }) => bytes(readBlocks * blockSize)),
      row('disk requests', ({ requests }) => count(requests)),
      row('seeks (breaks in read order)', ({ seeks }) => count(seeks)),
      ...(measures.some(({ inodeTableBlocks }) => inodeTableBlocks !== undefined)
        ? [
            row('inode-table blocks', ({ inodeTableBlocks }) =>
              inodeTableBlocks === undefined ? '' : count(inodeTableBlocks),
            ),
          ]
        : []),
      row('seek distance, blocks', ({ seekDistanceBlocks }) => count(seekDistanceBlocks)),
      row('seek distance', ({ seekDistanceBlocks, blockSize }) => bytes(seekDistanceBlocks * blockSize)),
      row('span on the disk', ({ spanBlocks, blockSize }) => bytes(spanBlocks * blockSize)),
      ...models.map((model) => row(`time on ${model} (model)`, ({ modelMs }) => seconds(modelMs[model] ?? 0))),
    ],
  )
}

/** Who makes the head jump, most seeks first. */
export const shareTable = (shares: readonly CostShare[], by: 'file' | 'directory'): string =>
  table(
    [by, 'seeks', 'distance, blocks', 'blocks read'],
    shares.map(({ name, seeks, seekDistanceBlocks, readBlocks }) => [
      shorten(escapePath(name), 40),
      count(seeks),
      count(seekDistanceBlocks),
      count(readBlocks),
    ]),
  )
