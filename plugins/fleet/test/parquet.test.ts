/** Traces to Parquet and back, by the commands people type. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readTrace, writeTrace } from 'bootpack'
import { decodeText, encodeText } from '../src/schema/text.js'
import { archive1 } from './support/schema-1.js'
import { randomBoots } from './support/random-boots.js'

const launcher = new URL('../../../bin/bootpack.js', import.meta.url).pathname

function bootpack(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('traces as Parquet', function () {
  this.timeout(120_000)
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'bootpack-test-parquet-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('takes names that are no UTF-8, and those that look like their stand-ins', () => {
    for (const name of ['/plain', '/\udcff\udc80/x', '/\uf700\uf780\uf7ff', '/😀\udc90', ''])
      expect(decodeText(encodeText(name))).to.equal(name)
    expect(encodeText('/\udcff')).to.equal('/\uf7ff')
  })

  it('comes back from one file as the traces that went in, in their order', async () => {
    const boots = randomBoots(77).filter(({ reads }) => reads.length > 0)
    const names = boots.map((_, i) => join(folder, `boot-${i}.trace`))
    for (const [i, name] of names.entries()) await writeTrace(name, boots[i]!)
    const file = join(folder, 'boots.parquet')
    const written = bootpack('trace', 'export', ...names, '--to', 'parquet', '--keep-private', '-o', file)
    expect(written.stderr).to.equal('')
    expect(readFileSync(file).toString('latin1', 0, 4)).to.equal('PAR1')
    // Files of schema 1, too.
    await archive1(file, join(folder, 'old.parquet'))
    for (const one of ['boots.parquet', 'old.parquet']) {
      const read = bootpack('trace', 'import', join(folder, one), '-o', join(folder, 'again.trace'))
      expect(read.status, read.stderr).to.equal(0)
      for (const [i, name] of names.entries()) {
        const again = boots.length === 1 ? 'again.trace' : `again.${i + 1}.trace`
        expect(await readTrace(join(folder, again), { device: 'all' }), one).to.deep.equal({
          ...(await readTrace(name, { device: 'all' })),
          bad: { count: 0, examples: [] },
        })
      }
    }
  })

  it('leaves out what is below /home and /var and what is excluded, and says how much', async () => {
    const trace = join(folder, 'boot.trace')
    const read = (path: string | undefined, ino: number): object => ({
      ...(path && { path }),
      ino,
      off: 0,
      len: 1,
      kind: 'data',
    })
    const lines = [
      { bootpack: 'trace', version: 1, source: 'list' },
      ...[
        read('/bin/sh', 1),
        read('/home/me/diary', 2),
        read(undefined, 2),
        read('/var/log/x', 3),
        read('/opt/key', 4),
      ],
      read('/homes', 5),
    ]
    writeFileSync(trace, lines.map((line) => JSON.stringify(line)).join('\n'))
    const file = join(folder, 'boot.parquet')
    const { stderr } = bootpack('trace', 'export', trace, '--to', 'parquet', '--exclude', '/opt', '-o', file)
    expect(stderr).to.equal('Left out: 4 reads of private files.\n')
    bootpack('trace', 'import', file, '-o', join(folder, 'again.trace'))
    expect((await readTrace(join(folder, 'again.trace'))).reads.map(({ path }) => path)).to.deep.equal([
      '/bin/sh',
      '/homes',
    ])
  })

  it('refuses a Parquet file of others, a stream, and several traces for a format of one', () => {
    const file = join(folder, 'other.parquet')
    writeFileSync(file, 'PAR1 and then nothing')
    const other = bootpack('trace', 'import', file, '-o', join(folder, 'x.trace'))
    expect(other.status).to.equal(6)
    expect(existsSync(join(folder, 'x.trace'))).to.equal(false)
    expect(bootpack('trace', 'export', file, '--to', 'parquet').status).to.equal(2)
    expect(bootpack('trace', 'export', file, file, '--to', 'list').stderr).to.match(/holds one trace, and 2 were named/)
  })
})
