/**
 * From a target to the engine that works on it. The engines are handed in, so that
 * this room knows none of them; the table of those that come with bootpack is in
 * src/engines.ts, plugins bring their own.
 *
 * Each engine says whether a target is its own and how sure it is; the surest opens
 * it. A mounted filesystem is the live engine's, an unmounted device or an image file
 * the image engine's. A regular file can be both: an image, and a file of the mounted
 * filesystem it lies on. What it holds decides.
 */
import { usageError } from '../errors.js'
import type { Volume } from './volume.js'
import { resolveTarget, type Target } from './target.js'
import { quoted } from '../text/json-text.js'

/** How sure an engine is. Higher wins. */
export const claim = {
  /** It could be tried; the refusal will at least say what this is. */
  possible: 1,
  likely: 2,
  certain: 3,
} as const

export type Claim = (typeof claim)[keyof typeof claim]

export interface OpenOptions {
  /** Whether blocks are to be moved. Without it the engine must not write a byte. */
  readonly write: boolean
  /** Of a partitioned disk: its number; 0 for the whole disk as one filesystem. */
  readonly partition?: number
  /** Keep what is overwritten in this new file, where the engine can. */
  readonly undoFile?: string
  /** Told why nothing happens for some seconds: another machine may be using the filesystem. */
  readonly onWaiting?: (why: string) => void
  /** It is an overlay of our own over a virtual machine's disk, written to through QEMU. */
  readonly overlay?: boolean
  /** What messages call it, where it is a copy of something else. */
  readonly calledAs?: string
  /** Name of the engine to take, whatever the others say. */
  readonly engine?: string
}

export interface EngineProvider {
  /** As in Volume.engine: 'ext4-image'. */
  readonly name: string
  /** What it opens, for the message when no engine fits: 'image files and unmounted block devices with ext4'. */
  readonly opens: string
  /** Looks, changes nothing, and does not throw because of what it sees. */
  claim(target: Target): Promise<Claim | undefined>
  open(target: Target, options: OpenOptions): Promise<Volume>
}

/**
 * @param given   mount point, path on a mounted filesystem, block device or image file
 * @param engines in no particular order
 * @throws usage when nothing is there, no engine fits or several fit alike; whatever
 *   the engine's own opening throws
 */
export async function openVolume(
  given: string,
  options: OpenOptions,
  engines: readonly EngineProvider[],
): Promise<Volume> {
  const target = resolveTarget(given)
  if (options.partition !== undefined && target.kind === 'directory') {
    throw usageError(
      'partition-of-directory',
      `${quoted(given)} is a directory; only a disk or a disk image has partitions.`,
      'Leave out --partition.',
    )
  }
  const engine = await chooseEngine(target, options.engine, engines)
  return await engine.open(target, options)
}

async function chooseEngine(
  target: Target,
  wanted: string | undefined,
  engines: readonly EngineProvider[],
): Promise<EngineProvider> {
  if (wanted !== undefined) {
    const named = engines.find((engine) => engine.name === wanted)
    if (!named)
      throw usageError(
        'no-such-engine',
        `There is no engine ${quoted(wanted)}.`,
        `There are: ${engines.map((engine) => engine.name).join(', ')}.`,
      )
    return named
  }
  const claims = await Promise.all(engines.map(async (engine) => ({ engine, sure: (await engine.claim(target)) ?? 0 })))
  const surest = Math.max(0, ...claims.map((each) => each.sure))
  const best = claims.filter((each) => each.sure === surest).map((each) => each.engine)
  if (surest === 0) {
    const what = { file: 'a file', directory: 'a directory', 'block-device': 'a block device' }[target.kind]
    throw usageError(
      'no-engine',
      `${quoted(target.given)} is ${what} that no engine works on.`,
      `bootpack opens ${engines.map((engine) => engine.opens).join('; ')}.`,
    )
  }
  if (best.length > 1) {
    throw usageError(
      'ambiguous-target',
      `${quoted(target.given)} can be opened by ${best.map((engine) => engine.name).join(' and by ')}.`,
      'Name one of them with --engine.',
    )
  }
  return best[0]!
}
