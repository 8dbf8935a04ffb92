/** Where a boot's trace, requests and console go. */
import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { BootpackError, nameTrace, writeTrace } from 'bootpack'
import { openTarget, refuseOther, writeAtomically } from 'bootpack/cli'
import { ioError } from 'bootpack/engine'
import type { TraceHeader, TraceRead } from 'bootpack/types'
import { bootTrace } from '../machine/boot-trace.js'
import type { BootResult, Machine } from '../machine/machine.js'

/** What is told of a machine. */
type Booted = Pick<Machine, 'image' | 'kernelName'>

export interface OutputNames {
  readonly trace?: string | undefined
  readonly requests?: string | undefined
  readonly console?: string | undefined
  readonly partition?: number | undefined
  readonly disk: string
  readonly scale: number
}

interface WholeTrace {
  readonly header: TraceHeader
  readonly reads: readonly TraceRead[]
}

/** A link in the place of the file may be somebody else's; those below /dev are the system's, such as /dev/stderr. */
const consoleFlags = (path: string): number =>
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (path.startsWith('/dev/') ? 0 : constants.O_NOFOLLOW)

export class OutputFiles {
  /** Traces written so far. */
  readonly traces: string[] = []
  /** Why the traces hold blocks and no names, when they do. */
  unnamed: string | undefined
  private failure: Error | undefined
  private open: { readonly run: number; readonly descriptor: number } | undefined

  private readonly names: OutputNames
  private readonly runs: number

  constructor(names: OutputNames, runs: number) {
    this.names = names
    this.runs = runs
  }

  /**
   * A boot takes minutes: that a file has no place is said before.
   * @throws as refuseOther does
   */
  async need(): Promise<void> {
    const { trace, requests, console } = this.names
    for (let run = 0; run < this.runs; run++) {
      if (trace !== undefined) await refuseOther(numbered(trace, run, this.runs), 'trace')
      if (requests !== undefined) await refuseOther(numbered(requests, run, this.runs), 'requests')
      // A terminal or a pipe will do as well.
      const spoken = console === undefined ? undefined : numbered(console, run, this.runs)
      if (spoken !== undefined && lstatSync(spoken, { throwIfNoEntry: false })?.isFile())
        await refuseOther(spoken, 'console')
    }
  }

  /** Synchronous, so that what a machine said last is there however it ended. Failures are thrown by `write`. */
  console(run: number, bytes: Buffer): void {
    if (this.names.console === undefined || this.failure) return
    const path = numbered(this.names.console, run, this.runs)
    try {
      if (this.open?.run !== run) {
        this.close()
        this.open = { run, descriptor: openSync(path, consoleFlags(path)) }
      }
      writeSync(this.open!.descriptor, bytes)
    } catch (cause) {
      this.failure = ioError(`${path} cannot be written.`, cause)
    }
  }

  async write(
    machine: Booted,
    run: number,
    { recording, log, seconds }: Pick<BootResult, 'recording' | 'log' | 'seconds'>,
  ): Promise<void> {
    if (this.failure) throw this.failure
    const { trace, requests, disk, scale } = this.names
    if (trace !== undefined) {
      const path = numbered(trace, run, this.runs)
      const blocks = bootTrace(recording, {
        kernel: machine.kernelName,
        root: `UUID=${machine.image.uuid}`,
        recorded: new Date().toISOString(),
        disk,
        scale,
        seconds: Math.round(seconds * 1e3) / 1e3,
      })
      await writeTrace(path, await this.named(machine, blocks))
      this.traces.push(path)
    }
    if (requests !== undefined)
      await writeAtomically(numbered(requests, run, this.runs), 'requests', (file) =>
        file.writeFile(log.text(recording.started)),
      )
  }

  /** The same reads by the files and directories they belong to, so that the trace outlives the layout. */
  private async named({ image }: Booted, { header, reads }: WholeTrace): Promise<WholeTrace> {
    try {
      const volume = await openTarget(image.path, { write: false, partition: this.names.partition })
      try {
        const named = await nameTrace(reads, volume)
        return { header: { ...header, resolved: image.uuid }, reads: named.reads }
      } finally {
        await volume.close()
      }
    } catch (error) {
      if (!(error instanceof BootpackError) || error.family === 'io') throw error
      this.unnamed = error.message
      return { header, reads }
    }
  }

  close(): void {
    if (this.open) closeSync(this.open.descriptor)
    this.open = undefined
  }
}

/** boot.trace of the second of three boots is boot.2.trace; of boot.trace.gz, boot.2.trace.gz. */
export function numbered(path: string, run: number, runs: number): string {
  if (runs === 1) return path
  const name = basename(path)
  const packed = name.endsWith('.gz') ? '.gz' : ''
  const bare = name.slice(0, name.length - packed.length)
  const ending = extname(bare)
  return join(dirname(path), `${bare.slice(0, bare.length - ending.length)}.${run + 1}${ending}${packed}`)
}
