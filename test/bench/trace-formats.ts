/**
 * How many lines a second each format comes in at: the recordings of the tests,
 * repeated to some 64 MB, in one process, best of three, in processor time, so that
 * a busy machine does not tell on it.
 *
 *   node --import tsx --conditions=bootpack-source test/bench/trace-formats.ts
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { TraceParser } from '../../src/trace/parse/parser.js'

const recordings = [
  'boot-tracefs.txt.gz',
  'boot-fanotify.txt.gz',
  'boot-blockreads.txt.gz',
  'boot-files.tsv',
  'fatrace.txt',
  'strace-file.txt.gz',
  'strace-names.txt.gz',
  'blkparse.txt.gz',
]
const size = 64 << 20

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let made = 0; made < size; made += bytes.length) chunks.push(bytes)
  return chunks
}

function measure(title: string, chunks: readonly Buffer[], repeats: boolean): void {
  let best = Infinity
  let lines = 0
  let reads = 0
  for (let round = 0; round < 3; round++) {
    const parser = new TraceParser({ repeats })
    reads = 0
    const began = process.cpuUsage()
    for (const chunk of chunks) reads += parser.push(chunk).length
    reads += parser.end().length
    const { user, system } = process.cpuUsage(began)
    best = Math.min(best, (user + system) / 1000)
    lines = parser.facts().lines
  }
  console.log(
    `${title.padEnd(26)} ${(lines / 1e6).toFixed(2).padStart(6)} M lines ${(best / 1000).toFixed(2).padStart(6)} s ${(lines / best / 1000).toFixed(2).padStart(6)} M lines/s ${reads} reads`,
  )
}

for (const name of recordings) {
  const bytes = readFileSync(new URL(`../fixtures/trace/${name}`, import.meta.url))
  const chunks = chunksOf(name.endsWith('.gz') ? gunzipSync(bytes) : bytes)
  measure(name, chunks, false)
  measure(`${name}, repeats`, chunks, true)
}
const list = Array.from({ length: 5000 }, (_, i) => `/usr/share/some/folder/file-${i}\n`).join('')
measure('list', chunksOf(Buffer.from(list)), false)
const own = '{"bootpack":"trace","version":1,"source":"bench"}\n'
const reads = Array.from({ length: 5000 }, (_, i) =>
  `{"t":${i * 7},"ino":${i},"path":"/usr/lib/x/${i}","off":${i * 4096},"len":4096,"kind":"data"}\n`.replace(
    '"ino":0,',
    '',
  ),
).join('')
measure('native', [Buffer.from(own), ...chunksOf(Buffer.from(reads))], false)
