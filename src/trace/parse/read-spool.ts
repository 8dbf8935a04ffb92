/**
 * Reads set aside until the end of the input tells what to do with them: in memory
 * while they are few, beyond that in a nameless file.
 */
import { unlink, type FileHandle } from 'node:fs/promises'
import { openFresh } from '../../files/atomic-file.js'
import { LineSplitter } from './line-splitter.js'
import { writeLines } from '../write-trace.js'
import type { TraceRead } from '../model/trace.js'

const fewReads = 50_000

export class ReadSpool {
  private reads: TraceRead[] = []
  private file: FileHandle | undefined

  private readonly beside: string
  private readonly few: number

  /** @param beside a path in the folder where the file may be made */
  constructor(beside: string, few = fewReads) {
    this.beside = beside
    this.few = few
  }

  async add(reads: readonly TraceRead[]): Promise<void> {
    for (const read of reads) this.reads.push(read)
    if (this.reads.length >= this.few) await this.spill()
  }

  /** All of them in the order they came. */
  async *all(): AsyncGenerator<TraceRead> {
    if (this.file) {
      let batch: TraceRead[] = []
      const splitter = new LineSplitter(
        {
          line: (bytes, start, end) => void batch.push(JSON.parse(bytes.toString('utf8', start, end)) as TraceRead),
          tooLong: () => {
            throw new Error('a read of more than a gigabyte')
          },
        },
        2 ** 30,
      )
      for await (const chunk of this.file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 })) {
        splitter.push(chunk as Buffer)
        yield* batch
        batch = []
      }
    }
    yield* this.reads
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
    this.reads = []
  }

  private async spill(): Promise<void> {
    if (!this.file) {
      const fresh = await openFresh(this.beside)
      this.file = fresh.file
      // Without a name it is gone with the process, however that ends.
      await unlink(fresh.name)
    }
    await writeLines(this.file, asLines(this.reads), false)
    this.reads = []
  }
}

function* asLines(reads: readonly TraceRead[]): Generator<string> {
  for (let i = 0; i < reads.length; i += 512)
    yield reads
      .slice(i, i + 512)
      .map((read) => `${JSON.stringify(read)}\n`)
      .join('')
}
