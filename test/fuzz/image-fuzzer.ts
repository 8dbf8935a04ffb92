/**
 * The coverage-guided search: inputs that made code run that never ran before are
 * kept and varied further, mixed with fresh ones.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../support/random.js'
import { run } from '../support/tools.js'
import type { BaseImage } from './base-image.js'
import { Coverage } from './coverage.js'
import { drive, Finding, type Verdict } from './drive.js'
import { brokenImage, freshInput, vary, type FuzzInput } from './mutate.js'

export interface FuzzOptions {
  readonly seed: number
  /** Keep what reaches new code. */
  readonly guided: boolean
  /** Of the images that blocks were moved in, every how many e2fsck looks at, before and after; 0 for none. */
  readonly checkEvery: number
  /** For e2fsck. */
  readonly scratch: string
  /** Milliseconds one input may take. */
  readonly longest: number
  /** Called with each input before it is tried, so that one that hangs is known. */
  readonly onInput?: (input: TriedInput) => void
}

export interface TriedInput extends FuzzInput {
  readonly movesSeed: number
}

export interface Failure {
  readonly input: TriedInput
  readonly error: string
}

export class ImageFuzzer {
  readonly verdicts: Record<Verdict, number> = { refused: 0, moved: 0, 'nothing to move': 0 }
  readonly codes = new Map<string, number>()
  readonly failures: Failure[] = []
  tried = 0
  checked = 0
  slowest = 0
  private readonly random: Random
  private readonly corpus: FuzzInput[] = []
  private readonly coverage: Coverage | undefined

  private readonly bases: readonly BaseImage[]
  private readonly options: FuzzOptions

  constructor(bases: readonly BaseImage[], options: FuzzOptions) {
    this.bases = bases
    this.options = options
    this.random = new Random(options.seed)
    this.coverage = options.guided
      ? new Coverage(/\/src\/(?:bytes|image|layout|mballoc|measure|pack|plan|volume)\//)
      : undefined
  }

  get parts(): number {
    return this.coverage?.parts ?? 0
  }

  get kept(): number {
    return this.corpus.length
  }

  async step(): Promise<void> {
    const input = { ...this.next(), movesSeed: this.random.below(0x1_0000_0000) }
    this.options.onInput?.(input)
    const began = performance.now()
    try {
      await this.try(input)
    } catch (error) {
      this.failures.push({ input, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
    const took = performance.now() - began
    this.slowest = Math.max(this.slowest, took)
    if (took > this.options.longest) this.failures.push({ input, error: `took ${Math.round(took)} ms` })
    this.tried++
    if (this.coverage && this.coverage.take() > 0)
      this.corpus.push({ base: input.base, patches: input.patches, sealed: input.sealed })
  }

  async try(input: TriedInput): Promise<void> {
    const base = this.bases[input.base]!
    const image = brokenImage(base, input)
    const pristine = image.slice()
    const { verdict, after, codes } = await drive(image, base, input.movesSeed)
    this.verdicts[verdict]++
    for (const code of codes) this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
    const { checkEvery } = this.options
    if (!after || checkEvery === 0 || this.verdicts.moved % checkEvery !== 0) return
    this.checked++
    const before = this.check(pristine)
    const found = this.check(after)
    if (before === '' && found !== '') throw new Finding(`e2fsck was content before, and is not now:\n${found}`)
  }

  close(): void {
    this.coverage?.close()
  }

  private next(): FuzzInput {
    if (this.corpus.length === 0 || this.random.chance(0.25)) return freshInput(this.random, this.bases)
    // Half of the time one of the latest, whose surroundings were searched least.
    const parent = this.random.chance(0.5) ? this.random.pick(this.corpus.slice(-20)) : this.random.pick(this.corpus)
    return vary(this.random, parent, this.bases[parent.base]!, this.random.pick(this.corpus))
  }

  /** @returns what e2fsck complains about; empty when it is content */
  private check(image: Uint8Array): string {
    const path = join(this.options.scratch, `${process.pid}.img`)
    writeFileSync(path, image)
    const { status, stdout, stderr } = run('e2fsck', ['-fn', path], { ok: [0, 1, 2, 4, 8, 12, 16, 32] })
    return status === 0 ? '' : stdout + stderr
  }
}
