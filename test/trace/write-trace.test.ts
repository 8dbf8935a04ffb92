import { expect } from 'chai'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { writeAtomically } from '../../src/files/atomic-file.js'
import { importTrace } from '../../src/trace/import-trace.js'
import { ReadSpool } from '../../src/trace/parse/read-spool.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { traceHeader, type TraceRead } from '../../src/trace/model/trace.js'
import { writeTrace } from '../../src/trace/write-trace.js'
import { isRoot, needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { fixturePath, read, traceOf } from './support.js'
import type { BootpackError } from '../../src/errors.js'

async function failure(work: Promise<unknown>): Promise<BootpackError> {
  try {
    await work
  } catch (error) {
    return error as BootpackError
  }
  throw new Error('nothing was thrown')
}

describe('writing traces', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  const at = (name: string): string => join(scratch.path, name)
  /** What lies in the folder besides what is expected: temporary files. */
  const litter = (): string[] => readdirSync(scratch.path).filter((name) => name.startsWith('.'))

  const trace = {
    header: traceHeader('test', { mood: 'good' }),
    reads: [
      read('/a\nb\x1b', 0, 4096, 1),
      { ...read('/name\udcff', 8192), colour: 'red' },
      { off: 4096, len: 4096, kind: 'metadata' as const },
    ],
  }

  it('comes back as it was, plain and gzipped, unknown fields and strange names too', async () => {
    for (const name of ['out.trace', 'out.trace.gz']) {
      await writeTrace(at(name), trace)
      const bytes = readFileSync(at(name))
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      expect(text.split('\n')).to.have.length(5)
      const back = await readTrace(at(name))
      expect(back.header).to.deep.equal(trace.header)
      expect(back.reads).to.deep.equal(trace.reads)
    }
    expect(litter()).to.deep.equal([])
  })

  it('writes a stream as it comes and leaves it open', async () => {
    const stream = new PassThrough()
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    await writeTrace(
      stream,
      {
        header: trace.header,
        reads: (async function* () {
          yield* trace.reads
        })(),
      },
      { gzip: true },
    )
    expect(stream.writableEnded).to.equal(false)
    stream.end()
    expect(gunzipSync(Buffer.concat(pieces)).toString().split('\n')).to.have.length(5)
  })

  it('replaces a file as a whole, and leaves it when the writing fails', async () => {
    const before = '{"bootpack":"trace","version":1,"source":"before"}\n'
    writeFileSync(at('kept'), before)
    const failing = (async function* (): AsyncGenerator<TraceRead> {
      for (let i = 0; i < 10_000; i++) yield read(`/${i}`)
      throw new Error('no more')
    })()
    for (const gzip of [false, true]) {
      expect(
        (await failure(writeTrace(at('kept'), { header: trace.header, reads: gzip ? throwing() : failing }, { gzip })))
          .message,
      ).to.equal('no more')
      expect(readFileSync(at('kept'), 'utf8')).to.equal(before)
    }
    expect(litter()).to.deep.equal([])
    await writeTrace(at('kept'), trace)
    expect((await readTrace(at('kept'))).reads).to.have.length(3)
  })

  const throwing = function* (): Generator<TraceRead> {
    yield read('/a')
    throw new Error('no more')
  }

  it('follows no link and replaces nothing but files', async () => {
    writeFileSync(at('victim'), 'precious')
    symlinkSync('victim', at('link'))
    symlinkSync('nowhere', at('dangling'))
    mkdirSync(at('folder'))
    for (const name of ['link', 'dangling', 'folder']) {
      const error = await failure(writeTrace(at(name), trace))
      expect([error.family, error.code, error.exitCode], name).to.deep.equal(['refused', 'not-a-file', 5])
    }
    expect(readFileSync(at('victim'), 'utf8')).to.equal('precious')
    expect(lstatSync(at('link')).isSymbolicLink()).to.equal(true)
    expect(existsSync(at('nowhere'))).to.equal(false)
    if (isRoot) expect((await failure(writeTrace('/dev/null', trace))).code).to.equal('not-a-file')
    expect(litter()).to.deep.equal([])
  })

  it('replaces no disk, whatever it is kept in', async function () {
    needTools(this, 'mke2fs')
    const put = (name: string, offset: number, bytes: string): void =>
      writeFileSync(at(name), Buffer.concat([Buffer.alloc(offset), Buffer.from(bytes, 'latin1'), Buffer.alloc(3000)]))
    run('mke2fs', ['-q', '-t', 'ext4', at('ext4.img'), '4M'])
    put('partitioned.img', 0x1fe, '\x55\xaa')
    put('xfs.img', 0, 'XFSB')
    put('disk.qcow2', 0, 'QFI\xfb')
    for (const name of ['ext4.img', 'partitioned.img', 'xfs.img', 'disk.qcow2']) {
      const before = readFileSync(at(name))
      const error = await failure(writeTrace(at(name), trace))
      expect([error.family, error.code, error.exitCode], name).to.deep.equal(['refused', 'is-a-disk', 5])
      expect(readFileSync(at(name)).equals(before), name).to.equal(true)
    }
    for (const contents of ['short', 'x'.repeat(5000), Buffer.alloc(5000)]) {
      writeFileSync(at('other'), contents)
      expect((await failure(writeTrace(at('other'), trace))).code).to.equal('is-another-file')
    }
    writeFileSync(at('other'), '')
    for (const name of ['other', 'other']) await writeTrace(at(name), trace)
    expect(litter()).to.deep.equal([])
  })

  it('does not follow a link that appears while it writes', async () => {
    writeFileSync(at('target'), 'precious')
    const error = await failure(
      writeAtomically(at('raced'), 'trace', async (file) => {
        symlinkSync('target', at('raced'))
        await file.write('new')
      }),
    )
    expect(error.code).to.equal('not-a-file')
    expect(readFileSync(at('target'), 'utf8')).to.equal('precious')
    expect(litter()).to.deep.equal([])
  })

  it('says when there is no folder', async () => {
    const error = await failure(writeTrace(at('none/out'), trace))
    expect([error.family, error.code]).to.deep.equal(['usage', 'no-folder'])
  })

  it('says when there is no room, and leaves nothing', async function () {
    needLoopMounts(this)
    needTools(this, 'mount', 'umount')
    mkdirSync(at('small'))
    run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', at('small')])
    try {
      const many = Array.from({ length: 5000 }, (_, i) => read(`/file/number/${i}`))
      const error = await failure(writeTrace(at('small/out'), traceOf(many)))
      expect([error.family, error.exitCode]).to.deep.equal(['no-space', 7])
      expect(readdirSync(at('small'))).to.deep.equal([])
    } finally {
      run('umount', [at('small')])
    }
  })

  it('imports a recording to a file that says in its header what was left out', async () => {
    const imported = await importTrace(fixturePath('boot-tracefs.txt.gz'), at('boot.trace.gz'), {
      header: { recorded: '2024-01-01T00:00:00Z' },
    })
    const direct = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const back = await readTrace(at('boot.trace.gz'))
    expect(back.reads).to.deep.equal(direct.reads)
    expect(back.header).to.deep.equal({ ...direct.header, recorded: '2024-01-01T00:00:00Z' })
    expect(back.header.root).to.equal('254:0')
    expect(imported).to.include({ format: 'tracefs', reads: direct.reads.length })
    expect(litter()).to.deep.equal([])
  })

  it('sets many reads aside in a file without a name', async () => {
    const reads = Array.from({ length: 1000 }, (_, i) => read(`/ü\n${i}`, i, 1, i))
    const spool = new ReadSpool(at('spool'), 64)
    for (let i = 0; i < reads.length; i += 10) await spool.add(reads.slice(i, i + 10))
    expect(litter()).to.deep.equal([])
    for (let round = 0; round < 2; round++) {
      const back: TraceRead[] = []
      for await (const one of spool.all()) back.push(one)
      expect(back).to.deep.equal(reads)
    }
    await spool.close()
  })
})
