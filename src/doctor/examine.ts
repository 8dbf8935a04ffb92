/**
 * What can and cannot be done with a target, and whether it is worth it. Looks only:
 * opening for writing changes nothing until a block is moved.
 */
import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { BootpackError } from '../errors.js'
import { fsBlock } from '../layout/block.js'
import type { BlockRun } from '../layout/run.js'
import { openVolume, type EngineProvider } from '../volume/open-volume.js'
import { resolveTarget } from '../volume/target.js'
import { backingDevice, type BackingDevice } from './device-kind.js'

export interface FreeRunClass {
  /** Lengths from `least` to `most` blocks. */
  readonly least: number
  readonly most: number
  readonly runs: number
  readonly blocks: number
}

export interface Refusal {
  readonly doing: 'read' | 'write'
  readonly code: string
  readonly message: string
  readonly next?: string
}

export interface Examination {
  readonly kernel: string
  readonly root: boolean
  readonly tools: Readonly<Record<string, boolean>>
  readonly device: BackingDevice
  readonly engine?: string
  readonly filesystem?: {
    readonly uuid: string
    readonly blockSize: number
    readonly blockCount: number
    readonly freeBlocks: number
    readonly freeRuns: number
    readonly longestFreeRun: number
    readonly histogram: readonly FreeRunClass[]
  }
  /** What this engine can move. */
  readonly moves: readonly string[]
  readonly refusals: readonly Refusal[]
  readonly verdict: string
}

const tools = ['e2fsck', 'debugfs', 'filefrag', 'e2undo', 'tune2fs']

/** @throws usage when nothing is there */
export async function examine(
  given: string,
  engines: readonly EngineProvider[],
  partition?: number,
): Promise<Examination> {
  const target = resolveTarget(given)
  const device = backingDevice(target.path)
  const refusals: Refusal[] = []
  const options = partition === undefined ? {} : { partition }
  const volume = await openVolume(given, { ...options, write: false }, engines).catch((error: unknown) =>
    noteRefusal(refusals, 'read', error),
  )
  const seen = {
    kernel: release(),
    root: process.getuid?.() === 0,
    tools: Object.fromEntries(tools.map((tool) => [tool, isInstalled(tool)])),
    device,
    refusals,
  }
  if (!volume) return { ...seen, moves: [], verdict: 'Nothing can be done here as it is; see what refused it.' }
  try {
    const { uuid, blockSize, blockCount, firstDataBlock } = volume.geometry()
    const free = await volume.freeRuns(fsBlock(firstDataBlock), fsBlock(blockCount))
    const writable = await openVolume(given, { ...options, write: true }, engines).catch((error: unknown) =>
      noteRefusal(refusals, 'write', error),
    )
    await writable?.close()
    return {
      ...seen,
      engine: volume.engine,
      filesystem: {
        uuid,
        blockSize,
        blockCount,
        freeBlocks: free.reduce((sum, { length }) => sum + length, 0),
        freeRuns: free.length,
        longestFreeRun: free.reduce((most, { length }) => Math.max(most, length), 0),
        histogram: freeSpaceHistogram(free),
      },
      moves: [...volume.moves],
      verdict: verdictOn(device, writable !== undefined),
    }
  } finally {
    await volume.close()
  }
}

function noteRefusal(refusals: Refusal[], doing: Refusal['doing'], error: unknown): undefined {
  if (!(error instanceof BootpackError)) throw error
  refusals.push({
    doing,
    code: error.code,
    message: error.message,
    ...(error.next !== undefined && { next: error.next }),
  })
}

/** Free runs by powers of two, as e2freefrag counts them. */
export function freeSpaceHistogram(free: readonly BlockRun[]): FreeRunClass[] {
  const classes = new Map<number, { runs: number; blocks: number }>()
  for (const { length } of free) {
    const order = Math.floor(Math.log2(length))
    const seen = classes.get(order) ?? { runs: 0, blocks: 0 }
    classes.set(order, { runs: seen.runs + 1, blocks: seen.blocks + length })
  }
  return [...classes]
    .sort(([a], [b]) => a - b)
    .map(([order, sums]) => ({ least: 2 ** order, most: 2 ** (order + 1) - 1, ...sums }))
}

function verdictOn({ kind }: BackingDevice, writable: boolean): string {
  const can = writable ? '' : 'It cannot be packed as it is (see above). '
  switch (kind) {
    case 'rotational':
      return `${can}A disk with a head: packing is worth it, every seek saved is some ten milliseconds of each boot.`
    case 'solid-state':
      return `${can}Solid state: distance costs nothing here. Packing saves requests, usually a small part of a boot; measure before you write.`
    case 'network':
      return `${can}A network disk: fewer and larger requests save round trips; measure with --disk lazy:512k if it is loaded on first touch.`
    case 'virtual':
      return `${can}A virtual or loop device: what counts is the disk the image will boot from; measure with the models of that kind.`
    case 'unknown':
      return `${can}What kind of disk this is the system does not tell; measure shows what packing is worth per kind.`
  }
}

const isInstalled = (tool: string): boolean =>
  [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].some(
    (folder) => folder !== '' && existsSync(join(folder, tool)),
  )
