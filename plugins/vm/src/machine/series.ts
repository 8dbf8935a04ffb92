/** Several boots of one or more images in turn, all on the same kind of machine. */
import { chooseAccelerator, type Accelerator, type AcceleratorChoice } from './accelerator.js'
import { Machine, type BootResult, type MachineChoices } from './machine.js'
import type { BootOptions } from './watch-boot.js'

export interface SeriesOptions extends Pick<BootOptions, 'until' | 'linger' | 'timeout' | 'signal'> {
  /** Boots of each image. */
  readonly runs: number
  readonly choice: AcceleratorChoice
  readonly onConsole?: (image: number, run: number, bytes: Buffer) => void
  readonly onProgress?: (image: number, run: number, seconds: number, reads: number) => void
  readonly onResult: (machine: Machine, image: number, run: number, result: BootResult) => Promise<void>
}

export interface Series {
  readonly accelerator: Accelerator
  /** Names of the kernels, one for each image. */
  readonly kernels: readonly string[]
}

/**
 * Boots A, B, A, B …: what changes on the host in between, changes for all of them.
 * @throws whatever preparing or a boot throws; the boots before it were reported
 */
export async function bootSeries(
  images: readonly string[],
  choices: MachineChoices,
  options: SeriesOptions,
): Promise<Series> {
  const machines: Machine[] = []
  try {
    for (const image of images) machines.push(await Machine.prepare(image, choices))
    const accelerator = await chooseAccelerator(options.choice, machines[0]!.kernel, options.signal)
    const { until, linger, timeout, signal, onConsole, onProgress } = options
    for (let run = 0; run < options.runs; run++) {
      for (const [image, machine] of machines.entries()) {
        const result = await machine.boot(accelerator.name, {
          until,
          linger,
          timeout,
          signal,
          onConsole: (bytes) => onConsole?.(image, run, bytes),
          onProgress: (seconds, reads) => onProgress?.(image, run, seconds, reads),
        })
        await options.onResult(machine, image, run, result)
      }
    }
    return { accelerator, kernels: machines.map((machine) => machine.kernelName) }
  } finally {
    for (const machine of machines) await machine.close()
  }
}
