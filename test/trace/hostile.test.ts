import { expect } from 'chai'
import { run } from '../support/tools.js'
import { BootpackError } from '../../src/errors.js'
import { exportLines } from '../../src/trace/export/path-lists.js'
import { formatNames } from '../../src/trace/formats/format.js'
import { mergeTraces } from '../../src/trace/merge/merge.js'
import { summarizeTrace } from '../../src/trace/model/summary.js'
import { parseTrace } from '../../src/trace/parse/parser.js'
import { fixture, numbers, traceOf } from './support.js'
import type { TraceRead } from '../../src/trace/model/trace.js'

const native = Buffer.from(
  '{"bootpack":"trace","version":1,"source":"own"}\n{"t":5,"ino":7,"path":"/a","off":0,"len":4096,"kind":"data"}\n{"off":0,"len":512,"kind":"metadata","dev":"8:1"}\n',
)
const seeds: readonly Buffer[] = [
  native,
  Buffer.from('2049 131 /bin/ls\n2049 132 /bin/sh\n'),
  Buffer.from('/etc/fstab\n/usr/bin/cut\n'),
  Buffer.from('/bin/sh (1 kB), 1 blocks (4 kB)\n  [@]\n\n\t0, 4096 bytes (at 7)\n'),
  ...[
    'boot-tracefs.txt.gz',
    'boot-files.tsv',
    'boot-fanotify.txt.gz',
    'boot-blockreads.txt.gz',
    'strace-file.txt.gz',
    'strace-names.txt.gz',
    'fatrace.txt',
    'fincore.json',
    'blkparse.txt.gz',
  ].map((name) => fixture(name)),
]

/** What every read that leaves an importer must be. */
function check(read: TraceRead): void {
  const whole = (value: number | undefined): boolean =>
    value === undefined || (Number.isSafeInteger(value) && value >= 0)
  if (!whole(read.off) || !whole(read.len) || (read.len === 0 && read.kind === 'data' && read['t'] === undefined))
    throw new Error(`bad range: ${JSON.stringify(read)}`)
  if (read.t !== undefined && !Number.isFinite(read.t)) throw new Error(`bad time: ${JSON.stringify(read)}`)
  if (read.ino !== undefined && !(Number.isSafeInteger(read.ino) && read.ino > 0))
    throw new Error(`bad inode: ${JSON.stringify(read)}`)
  if (read.path !== undefined && (!read.path.startsWith('/') || read.path.includes('\0')))
    throw new Error(`bad path: ${JSON.stringify(read)}`)
  if (read.kind !== 'metadata' && read.ino === undefined && read.path === undefined)
    throw new Error(`a read of nothing: ${JSON.stringify(read)}`)
}

describe('hostile recordings', () => {
  it('mutated recordings of every format give sound reads, counted bad lines or one of our errors', function () {
    this.timeout(60_000)
    const seed = Date.now() % 1e9
    const next = numbers(seed)
    const tokens = [
      '-1',
      '0',
      '18446744073709551616',
      '9007199254740993',
      '4294967296',
      '\\',
      '"',
      '\0',
      '\n',
      '\r',
      ' ',
      '../',
      '<',
      '>',
      '{',
      '[',
      ')',
      '= ',
      'order=',
      '\x1b',
      '\xff',
      '1e999',
      '//',
      ' (',
      '\t',
    ]
    for (let round = 0; round < 600; round++) {
      const source = seeds[next(seeds.length)]!
      const start = source.length > 3000 ? next(source.length - 2000) : 0
      let bytes: Buffer = Buffer.from(
        next(4) === 0
          ? source.subarray(0, 3000)
          : Buffer.concat([source.subarray(0, 300), source.subarray(start, start + 2000)]),
      )
      for (let change = next(30); change > 0; change--) {
        const at = next(bytes.length)
        const kind = next(4)
        if (kind === 0) bytes[at] = next(256)
        else if (kind === 1)
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from(tokens[next(tokens.length)]!, 'latin1'),
            bytes.subarray(at),
          ])
        else if (kind === 2)
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + next(20)))])
        else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(next(at + 1), at), bytes.subarray(at)])
      }
      for (const format of [undefined, formatNames[next(formatNames.length)]!]) {
        try {
          const { reads, facts } = parseTrace(bytes, {
            ...(format === undefined ? {} : { format }),
            workingDirectory: '/cwd',
            repeats: next(3) === 0,
            requests: next(4) === 0,
          })
          reads.forEach(check)
          for (const { text } of facts.bad.examples) expect(text).to.match(/^[^\x00-\x1f\x7f]*$/)
          const trace = traceOf(reads)
          mergeTraces([trace, trace]).reads.forEach(check)
          summarizeTrace(trace)
          const lines = [...exportLines(trace, 'list').lines]
          for (const line of lines) expect(line.indexOf(10)).to.equal(line.length - 1)
        } catch (error) {
          if (!(error instanceof BootpackError))
            throw new Error(`seed ${seed}, round ${round}, ${format ?? 'detected'}`, { cause: error })
        }
      }
    }
  })

  it('no line, however long or odd, takes more than its length in time', function () {
    this.timeout(20_000)
    const long = 200_000
    const odd = [
      'a'.repeat(long),
      '/'.repeat(long),
      '(1): R '.repeat(long / 7),
      '1<'.repeat(long / 2),
      '1: '.repeat(long / 3),
      '9'.repeat(long),
      ' '.repeat(long),
      'strace: Process 1 '.repeat(long / 18),
      `read(${'"\\'.repeat(long / 2)}`,
      `open(${'('.repeat(long)}`,
      `/${'\\040'.repeat(long / 4)}`,
      `/x (1 kB), ${'1 blocks (1 kB), '.repeat(long / 17)}`,
      `${'/.'.repeat(long / 2)}`,
      '[000] '.repeat(long / 6),
    ]
    for (const format of formatNames) {
      if (format === 'native' || format === 'fincore') continue
      for (const line of odd) {
        const began = performance.now()
        parseTrace(`${line}\n${line}`, { format })
        expect(performance.now() - began, `${format}: ${line.slice(0, 20)}`).to.be.below(1500)
      }
    }
  })

  it('many processes, files and devices are forgotten, not kept', function () {
    this.timeout(30_000)
    // In a process of its own: what other tests left to be collected is nobody's memory here.
    const parser = JSON.stringify(new URL('../../src/trace/parse/parser.ts', import.meta.url).href)
    const program = `
      const { TraceParser } = await import(${parser})
      const parse = (text, format) => {
        const parser = new TraceParser({ format })
        for (let at = 0; at < text.length; at += 65536) parser.push(Buffer.from(text.slice(at, at + 65536), 'latin1'))
        parser.end()
        return parser.facts()
      }
      const before = process.memoryUsage().rss
      const calls = Array.from({ length: 60_000 }, (_, i) =>
        i + ' openat(AT_FDCWD, "/some/long/name/' + i + '", O_RDONLY) = ' + (i % 2000) + '\\n' + i + ' vfork( <unfinished ...>\\n')
      const bad = parse(calls.join(''), 'strace').bad.count
      const lines = Array.from({ length: 20_000 }, (_, i) =>
        'c-1 [000] .. 1.0: mm_filemap_add_to_page_cache: dev ' + (i + 1) + ':' + i + ' ino c pfn=0x1 ofs=4096 order=0\\n')
      const { devices, header } = parse(lines.join(''), 'tracefs')
      const grown = process.memoryUsage().rss - before
      console.log(JSON.stringify({ bad, devices: devices.size, ignored: header.ignored['other-device'], grown }))
    `
    const { stdout } = run(process.execPath, ['--import=tsx', '--input-type=module', '-e', program], {
      cwd: new URL('../..', import.meta.url).pathname,
    })
    const told = JSON.parse(stdout) as { bad: number; devices: number; ignored: number; grown: number }
    expect(told.bad).to.equal(0)
    expect(told.devices).to.be.at.most(4096)
    expect(told.ignored).to.be.above(15_000)
    expect(told.grown).to.be.below(400 << 20)
  })
})
