import type { Trace } from 'bootpack'
import { usageError } from 'bootpack/engine'
import { mergedHeader, mostOften, profileReads, profileRuns, Segmentation, supportFor } from 'bootpack/trace'
import type { TraceHeader } from 'bootpack/types'
import { bootOrder } from '../schema/boot.js'
import { shapeKey } from '../schema/shape.js'
import type { Cover, FleetEngine, Selection, ShapeRow } from './engine.js'

export interface FleetMergeOptions extends Selection {
  /** Boots a read must be in: a number, or a share of them from 0 to 1; default: more than half. */
  readonly minSupport?: number | { readonly share: number }
  readonly onStep?: (step: string) => void
}

export interface MergedFleet {
  readonly trace: Trace
  readonly boots: number
  readonly minSupport: number
  /** Distinct reads. */
  readonly shapes: number
  readonly segments: number
}

/**
 * The profile of an image's boots; the same as bootpack's `trace merge` of the same boots in the order of
 * {@link bootOrder}, to the byte.
 * @throws usage when the image has no boots, or minSupport cannot be
 */
export async function mergeFleet(engine: FleetEngine, options: FleetMergeOptions): Promise<MergedFleet> {
  const { onStep = () => {} } = options
  onStep('Looking for boots')
  const boots = (await engine.boots(options)).sort(bootOrder)
  if (boots.length === 0)
    throw usageError(
      'no-boots',
      `There are no boots of the image ${JSON.stringify(options.image)}${options.since === undefined ? '' : ` since ${options.since}`}.`,
      'See which images there are: bootpack fleet show images DIR',
    )
  const wanted = options.minSupport
  const minSupport = supportFor(
    boots.length,
    typeof wanted === 'object' ? Math.max(1, Math.ceil(wanted.share * boots.length)) : wanted,
  )
  onStep('Reading distinct reads')
  const shapes = inOrder(await engine.shapes(boots))
  onStep('Cutting them into segments')
  const segmentation = new Segmentation([shapes.map(({ read }) => read)])
  await engine.cover(
    shapes.flatMap(({ read, shape }): Cover[] => {
      const range = segmentation.segmentsOf(read)
      return range ? [{ shape, ...range }] : []
    }),
  )
  onStep('Counting boots')
  const support = await engine.support(minSupport)
  onStep('Ranking')
  const ranks = await engine.ranks([...support.keys()])
  onStep('Asking who reads')
  const readers = await engine.readers([...support.keys()])
  const kept = [...ranks].map(([segment, rank]) => ({
    segment,
    support: support.get(segment)!,
    rank,
    reader: mostOften(readers.get(segment) ?? []),
  }))
  const runs = profileRuns(segmentation, kept)
  onStep('Timing')
  const times = await engine.times(runs.map(({ head }) => head))
  return {
    trace: {
      header: mergedHeader(
        boots.map(({ header }) => JSON.parse(header) as TraceHeader),
        minSupport,
      ),
      reads: profileReads(segmentation, runs, (head) => times.get(head)),
      bad: { count: boots.reduce((sum, { bad }) => sum + bad, 0), examples: [] },
    },
    boots: boots.length,
    minSupport,
    shapes: shapes.length,
    segments: segmentation.count,
  }
}

/**
 * As all reads of all boots would first meet them.
 * @throws Error when two different reads have one number: 64 bits make that a defect, not chance
 */
function inOrder(rows: readonly ShapeRow[]): ShapeRow[] {
  const byNumber = new Map<bigint, string>()
  for (const { read, shape } of rows) {
    const key = shapeKey(read)
    if (byNumber.has(shape)) throw new Error(`Two reads have the number ${shape}: ${byNumber.get(shape)!} and ${key}.`)
    byNumber.set(shape, key)
  }
  return [...rows].sort((a, b) => a.boot - b.boot || a.seq - b.seq)
}
