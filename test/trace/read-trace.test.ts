import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readTrace, streamTrace, traceReads } from '../../src/trace/read-trace.js'
import { parseTrace } from '../../src/trace/parse/parser.js'
import { scratchFolder } from '../support/tools.js'
import { traceEvents } from '../bench/trace-events.js'
import { fixture, fixturePath, inPieces, numbers } from './support.js'
import type { BootpackError } from '../../src/errors.js'
import type { TraceRead } from '../../src/trace/model/trace.js'

const streamOf = async function* (...chunks: readonly (Buffer | string)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function failure(work: Promise<unknown>): Promise<BootpackError> {
  try {
    await work
  } catch (error) {
    return error as BootpackError
  }
  throw new Error('nothing was thrown')
}

describe('reading traces from files and streams', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  const file = (name: string, contents: Buffer | string): string => {
    const path = join(scratch.path, name)
    writeFileSync(path, contents)
    return path
  }

  it('gives the same reads whole, in pieces of any size, and gzipped', async () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    for (const name of ['boot-tracefs.txt.gz', 'strace-terminal.txt.gz', 'boot-fanotify.txt.gz', 'blkparse.txt.gz']) {
      const bytes = fixture(name)
      const { reads, facts } = parseTrace(bytes, { device: 'all' })
      for (const contents of [
        bytes,
        gzipSync(bytes),
        Buffer.concat([gzipSync(bytes.subarray(0, 5000)), gzipSync(bytes.subarray(5000))]),
      ]) {
        const found: TraceRead[] = []
        const streamed = await streamTrace(
          inPieces(contents, next, 3000, contents === bytes),
          (batch) => void found.push(...batch),
          { device: 'all' },
        )
        expect(found, `${name} seed ${seed}`).to.deep.equal(reads)
        expect(streamed).to.deep.equal(facts)
      }
    }
  })

  it('iterates too, and returns what the recording said of itself', async () => {
    const iterator = traceReads(fixturePath('fatrace.txt'), { root: '/mnt/sample' })
    let count = 0
    let step = await iterator.next()
    for (; !step.done; step = await iterator.next()) count++
    expect(count).to.equal(10)
    expect(step.value.format).to.equal('fatrace')
    // Leaving early closes the file and the unpacking.
    for await (const read of traceReads(fixturePath('boot-tracefs.txt.gz'))) {
      expect(read.kind).to.equal('metadata')
      break
    }
  })

  it('waits for an asynchronous taker', async () => {
    let busy = false
    await streamTrace(fixturePath('boot-tracefs.txt.gz'), async () => {
      expect(busy).to.equal(false)
      busy = true
      await new Promise((resolve) => setTimeout(resolve, 1))
      busy = false
    })
  })

  it('reads standard input', () => {
    const script = `import { readTrace } from '${new URL('../../src/trace/read-trace.ts', import.meta.url).href}'\nconsole.log((await readTrace('-')).reads.length)`
    const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      input: gzipSync('/a\n/b\n'),
      encoding: 'utf8',
    })
    expect(ran.stdout.trim(), ran.stderr).to.equal('2')
  })

  it('keeps the fields of other writers, in the header and in reads', async () => {
    const text =
      '{"bootpack":"trace","version":1,"source":"own","mood":"good","nested":{"a":[1]}}\n' +
      '{"t":5,"ino":7,"path":"/a","off":0,"len":4096,"kind":"data","colour":"red","pid":12}\n{"path":"/b"}\n'
    const trace = await readTrace(streamOf(text))
    expect(trace.header).to.deep.equal({
      bootpack: 'trace',
      version: 1,
      source: 'own',
      mood: 'good',
      nested: { a: [1] },
    })
    expect(trace.reads).to.deep.equal([
      { t: 5, ino: 7, path: '/a', off: 0, len: 4096, kind: 'data', colour: 'red', pid: 12 },
      { path: '/b', off: 0, kind: 'data' },
    ])
  })

  it('counts reads that are none', async () => {
    const header = '{"bootpack":"trace","version":1,"source":"own"}\n'
    const bad = [
      '[]',
      '7',
      'null',
      '{}',
      '{"off":0}',
      '{"ino":0}',
      '{"ino":1.5}',
      '{"ino":1e99}',
      '{"path":"rel"}',
      '{"path":"/a\\u0000b"}',
      '{"ino":5,"off":-1}',
      '{"ino":5,"len":"x"}',
      '{"ino":5,"kind":"gossip"}',
      '{"ino":5,"t":"now"}',
      '{"ino":5,"dev":8}',
      '{"ino":5',
      '{"kind":"metadata","off":1,"support":-1}',
    ]
    const trace = await readTrace(streamOf(header + bad.join('\n') + '\n{"kind":"metadata","off":4096,"len":4096}\n'))
    expect(trace.reads).to.deep.equal([{ kind: 'metadata', off: 4096, len: 4096 }])
    expect(trace.bad.count).to.equal(bad.length)
    expect(trace.bad.examples[0]).to.deep.equal({ line: 2, text: '[]' })
  })

  it('says what is wrong with an input that is none', async () => {
    const missing = await failure(readTrace(join(scratch.path, 'none\x1b[1m')))
    expect([missing.family, missing.code]).to.deep.equal(['usage', 'no-trace'])
    expect(missing.message).to.contain('none\\x1b[1m')
    mkdirSync(join(scratch.path, 'folder'))
    expect((await failure(readTrace(join(scratch.path, 'folder')))).message).to.contain('is a folder')
    const broken = (async function* () {
      yield Buffer.from('/a\n')
      throw Object.assign(new Error('gone'), { code: 'EIO' })
    })()
    expect((await failure(readTrace(broken))).family).to.equal('io')
  })

  it('says when gzip is cut or damaged', async () => {
    const packed = gzipSync(fixture('boot-tracefs.txt.gz'))
    const cut = await failure(readTrace(file('cut.gz', packed.subarray(0, packed.length - 1000))))
    expect([cut.family, cut.exitCode]).to.deep.equal(['corrupt', 6])
    expect(cut.message).to.contain('cut.gz ends too early')
    const spoilt = Buffer.from(packed)
    spoilt.fill(0xff, 20_000, 20_040)
    expect((await failure(readTrace(file('spoilt.gz', spoilt)))).message).to.contain('is damaged')
    expect((await failure(readTrace(streamOf(Buffer.from([0x1f, 0x8b]))))).family).to.equal('corrupt')
  })

  it('stops at a bound of bytes, reads and line length', async function () {
    this.timeout(20_000)
    // 200 MB of one line in 200 kB, after a line that is a list.
    const bomb = file(
      'bomb.gz',
      Buffer.concat([gzipSync('/a\n'), gzipSync(Buffer.alloc(200 << 20, 0x78), { level: 9 })]),
    )
    const before = process.memoryUsage().rss
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 5)
    const stopped = await failure(readTrace(bomb, { mostBytes: 150 << 20 }))
    expect([stopped.family, stopped.code]).to.deep.equal(['refused', 'too-many-bytes'])
    const taken = await readTrace(bomb)
    clearInterval(watch)
    expect(taken.reads).to.have.length(1)
    expect(taken.bad.count).to.equal(1)
    expect(peak - before, 'memory').to.be.below(80 << 20)
    const many = Array.from({ length: 1000 }, (_, i) => `/f${i}\n`).join('')
    expect((await failure(readTrace(streamOf(many), { mostReads: 999 }))).code).to.equal('too-many-reads')
    expect((await readTrace(streamOf('/a\n/bbbbbbbbbb\n/c\n'), { longestLine: 5 })).bad.count).to.equal(1)
  })

  it('stays in bounds on a long recording', async function () {
    this.timeout(30_000)
    const before = process.memoryUsage().rss
    let peak = 0
    let reads = 0
    const { lines } = await streamTrace(
      (async function* () {
        for (const piece of traceEvents({ events: 600_000, inodes: 500_000 })) yield Buffer.from(piece, 'latin1')
      })(),
      (batch) => {
        reads += batch.length
        peak = Math.max(peak, process.memoryUsage().rss)
      },
    )
    expect(lines).to.be.above(600_000)
    expect(reads).to.be.above(5000)
    expect(peak - before).to.be.below(200 << 20)
  })
})
