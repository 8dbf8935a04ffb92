/**
 * What `--at-shutdown` does instead of the command itself: plans as it will be done, tells what that gives
 * and takes, and gives the order.
 */
import type { Config } from '@oclif/core'
import { createGzip } from 'node:zlib'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { join } from 'node:path'
import { refused, usageError } from '../../errors.js'
import { packVolume, type PackOptions, type PackResult } from '../../pack/pack-volume.js'
import { planText } from '../../plan/plan-file.js'
import type { Plan } from '../../plan/plan.js'
import { listFile } from '../../preload/install-targets.js'
import { backingDevice } from '../../doctor/device-kind.js'
import { arm, fitFilesystem, type Armed } from '../../shutdown/arm.js'
import { foresee, type Foreseen } from '../../shutdown/foresee.js'
import type { OrderedMount, OrderWord } from '../../shutdown/order.js'
import { packedPlan } from '../../shutdown/places.js'
import type { Trace } from '../../trace/model/trace.js'
import { traceLines } from '../../trace/write-trace.js'
import { findMounted } from '../../mounted/engine/filesystem.js'
import type { Volume } from '../../volume/volume.js'
import { resolveTarget } from '../../volume/target.js'
import { quoted } from '../../text/json-text.js'
import { existsSync } from 'node:fs'
import { orderWords, type Token } from '../args/at-shutdown.js'
import { fittingTrace } from '../args/load-trace.js'
import type { Progress } from './progress.js'

export interface OrderReport {
  readonly command: 'pack' | 'apply' | 'undo'
  readonly armed: boolean
  readonly order?: Armed['order']
  readonly written: readonly string[]
  /** Modelled milliseconds of a boot. */
  readonly measure: Plan['measure']
  readonly cost: Plan['cost']
}

interface Common {
  readonly tokens: readonly Token[]
  readonly limit: number
  readonly progress: Progress
  readonly config: Config
}

export interface PackOrder extends Common {
  readonly target: string
  readonly trace: Trace
  readonly options: PackOptions
  /** The plan that packed it, with --drifted. */
  readonly packed?: Plan
  readonly drifted: boolean
  readonly check: boolean
  readonly anyTrace: boolean
  readonly note: (sentence: string) => void
  readonly output?: string
}

/** @throws what arming and planning throw */
export async function orderPack(request: PackOrder): Promise<OrderReport> {
  const { trace, packed, progress, options } = request
  const filesystem = filesystemOf(request.target)
  const output = request.output ?? (request.drifted ? undefined : packedPlan)
  const stands: Record<string, OrderWord> = {
    trace: { stands: 'input', name: 'trace.gz' },
    format: 'native',
    ...(packed && { plan: { stands: 'input', name: 'packed.plan' } }),
    ...(output !== undefined && { output: { stands: 'output', name: 'plan' } }),
  }
  const words: OrderWord[] = [{ stands: 'target' }, ...orderWords(request.tokens, stands)]
  progress.step('Planning')
  const foreseen = await foresee(filesystem, diskOf(filesystem.device), (volume) => packFitting(volume, request))
  const { plan, worthwhile } = foreseen.result
  const report = { command: 'pack', measure: plan.measure, cost: plan.cost } as const
  if (!worthwhile && !options.force) return { ...report, armed: false, written: [] }
  progress.step('Trying what will run then')
  const { order, written } = arm(
    {
      command: 'pack',
      words,
      inputs: new Map([
        ['trace.gz', await gzipped(trace)],
        ...(packed ? [['packed.plan', Buffer.from(planText(packed))] as const] : []),
      ]),
      outputs: new Map([
        ...(output === undefined ? [] : [['plan', output] as const]),
        ...(output !== undefined && request.check ? [['plan.check.json', `${output}.check.json`] as const] : []),
      ]),
      ...common(request, filesystem, foreseen),
      ...(hasList(filesystem) && { preloadTrace: 'trace.gz' }),
    },
    programOf(request.config),
  )
  return { ...report, armed: true, order, written }
}

function packFitting(volume: Volume, { trace, options, anyTrace, note }: PackOrder): Promise<PackResult> {
  const { reads, fit } = fittingTrace(trace, volume, anyTrace, note)
  return packVolume(volume, reads, { ...options, fit, dryRun: true })
}

export interface PlanOrder extends Common {
  readonly command: 'apply' | 'undo'
  readonly plan: Plan
}

/** @throws what arming throws; usage when the plan is for another filesystem */
export async function orderPlan(request: PlanOrder): Promise<OrderReport> {
  const { command, plan, progress } = request
  const filesystem = filesystemOf(plan.volume.target)
  const words: OrderWord[] = [
    { stands: 'input', name: 'given.plan' },
    '--target',
    { stands: 'target' },
    ...orderWords(request.tokens, {}),
  ]
  progress.step('Looking at the filesystem')
  const foreseen = await foresee(filesystem, diskOf(filesystem.device), (volume) => {
    const { uuid } = volume.geometry()
    if (uuid !== plan.volume.uuid)
      throw refused(
        'other-filesystem',
        `The plan is for the filesystem ${plan.volume.uuid}, and ${quoted(filesystem.mountPoint)} is ${uuid}.`,
        'Name the filesystem of the plan, or make a plan for this one.',
      )
    return Promise.resolve({ plan })
  })
  progress.step('Trying what will run then')
  const { order, written } = arm(
    {
      command,
      words,
      inputs: new Map([['given.plan', Buffer.from(planText(plan))]]),
      outputs: new Map(),
      ...common(request, filesystem, foreseen),
    },
    programOf(request.config),
  )
  return { command, measure: plan.measure, cost: plan.cost, armed: true, order, written }
}

const common = (
  { limit }: Common,
  filesystem: OrderedMount,
  { uuid, ...measured }: Foreseen<unknown>,
): Pick<Parameters<typeof arm>[0], 'filesystem' | 'limit' | 'measured'> => ({
  filesystem: { ...filesystem, uuid },
  limit,
  measured,
})

/** @throws usage when it is not mounted: then it can be done at once */
function filesystemOf(given: string): OrderedMount {
  const target = resolveTarget(given)
  const mounted = target.kind === 'file' ? undefined : findMounted(target)
  if (!mounted)
    throw usageError(
      'not-mounted',
      `${quoted(given)} is not mounted, so nothing has to wait.`,
      'Leave out --at-shutdown.',
    )
  return fitFilesystem(mounted.mountPoint)
}

const hasList = ({ mountPoint }: OrderedMount): boolean => mountPoint === '/' && existsSync(join('/', listFile))

/** The model of the disk a device is on; where that is not known, the slower one. */
const diskOf = (device: string): string => (backingDevice(device).kind === 'solid-state' ? 'ssd' : 'hdd-7200')

export const programOf = (config: Config): readonly [string, string] => [
  process.execPath,
  join(config.root, 'bin/bootpack.js'),
]

const gzipped = (trace: Trace): Promise<Buffer> => buffer(Readable.from(traceLines(trace)).pipe(createGzip()))
