/**
 * How fast recordings come in, and in how much memory: bootpack's streaming importer
 * against node's readline with one regular expression per line, each in a process of
 * its own, on the same generated kernel trace, in one run.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/trace-import.ts [EVENTS] [ROUNDS]
 *
 * Both leave out pages seen before and join neighbours; the totals must agree.
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { importTrace } from '../../src/trace/import-trace.js'
import { streamTrace } from '../../src/trace/read-trace.js'
import { traceEvents } from './trace-events.js'

interface Result {
  readonly lines: number
  readonly reads: number
  readonly bytes: number
  readonly seconds: number
  readonly peakMiB: number
}

const ways: Record<string, (file: string) => Promise<Omit<Result, 'seconds' | 'peakMiB'>>> = {
  async 'bootpack, stream'(file) {
    let reads = 0
    let bytes = 0
    const { lines } = await streamTrace(file, (batch) => {
      reads += batch.length
      for (const { len } of batch) bytes += len!
    })
    return { lines, reads, bytes }
  },
  async 'bootpack, import to a file'(file) {
    const { reads } = await importTrace(file, `${file}.out`)
    rmSync(`${file}.out`)
    return { lines: 0, reads, bytes: 0 }
  },
  async 'readline and a regular expression'(file) {
    const pattern =
      /^\s*\S.*-\d+\s+\[\d+\].*?\s(\d+)\.(\d+): (\w+): dev (\d+):(\d+) ino ([0-9a-f]+) pfn=0x[0-9a-f]+ ofs=(\d+) order=(\d+)$/
    const seen = new Set<string>()
    let lines = 0
    let reads = 0
    let bytes = 0
    let last = ''
    let end = -1
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      lines++
      const found = pattern.exec(line)
      if (!found || found[3] !== 'mm_filemap_add_to_page_cache') continue
      const inode = Number.parseInt(found[6]!, 16)
      const device = found[4] === '0' && inode >= 2 ** 20
      const subject = device ? `${inode >> 20}:${inode & 0xfffff}` : `${found[4]}:${found[5]} ${inode}`
      const first = Number(found[7]) / 4096
      for (let page = first; page < first + 2 ** Number(found[8]); page++) {
        const key = `${subject} ${page}`
        if (seen.has(key)) continue
        seen.add(key)
        bytes += 4096
        if (subject !== last || page !== end) reads++
        last = subject
        end = page + 1
      }
    }
    return { lines, reads, bytes }
  },
}

const [events = '2000000', rounds = '3'] = process.argv.slice(2)

if (events === '--run') {
  const [, , , way, file] = process.argv
  const began = performance.now()
  const result = await ways[way!]!(file!)
  const seconds = (performance.now() - began) / 1000
  console.log(JSON.stringify({ ...result, seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }))
} else {
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-bench-'))
  try {
    const file = join(folder, 'trace')
    await pipeline(Readable.from(traceEvents({ events: Number(events) })), createWriteStream(file))
    await pipeline(createReadStream(file), createGzip({ level: 1 }), createWriteStream(`${file}.gz`))
    console.log(
      `${events} events, ${(statSync(file).size / 1e6).toFixed(0)} MB of text; best of ${rounds} rounds, rounds interleaved`,
    )
    const best = new Map<string, Result>()
    const runs = [
      ...Object.keys(ways).map((way) => [way, way, file]),
      ['bootpack, stream, gzip', 'bootpack, stream', `${file}.gz`],
    ] as const
    for (let round = 0; round < Number(rounds); round++) {
      for (const [title, way, input] of runs) {
        const ran = spawnSync(process.execPath, [...process.execArgv, process.argv[1]!, '--run', way!, input!], {
          encoding: 'utf8',
        })
        if (ran.status !== 0) throw new Error(ran.stderr)
        const result = JSON.parse(ran.stdout) as Result
        const before = best.get(title!)
        if (!before || result.seconds < before.seconds)
          best.set(title!, { ...result, peakMiB: Math.max(result.peakMiB, before?.peakMiB ?? 0) })
      }
    }
    const slow = best.get('readline and a regular expression')!
    for (const [title, { seconds, peakMiB, reads, bytes }] of best) {
      console.log(
        `${title.padEnd(36)} ${seconds.toFixed(2).padStart(7)} s ${(Number(events) / seconds / 1e6).toFixed(2).padStart(6)} M events/s  ${(slow.seconds / seconds).toFixed(1).padStart(5)}x  peak ${peakMiB.toFixed(0).padStart(5)} MiB  ${reads} reads, ${bytes} bytes`,
      )
    }
    const ours = best.get('bootpack, stream')!
    if (ours.reads !== slow.reads || ours.bytes !== slow.bytes || ours.lines !== slow.lines)
      throw new Error('the two do not agree')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
