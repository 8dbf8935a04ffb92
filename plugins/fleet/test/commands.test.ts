/** The commands as they are typed, on a fleet of made boots. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readTrace, writeTrace } from 'bootpack'
import { mergeTraces } from 'bootpack/trace'
import { openFleet } from '../src/duckdb/open-fleet.js'
import { makeFleet } from './support/fleet-generator.js'

const launcher = new URL('../../../bin/bootpack.js', import.meta.url).pathname
const recording = new URL('../../../test/fixtures/trace/boot-tracefs.txt.gz', import.meta.url).pathname

function bootpack(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const json = <T>(...words: string[]): T => JSON.parse(bootpack(...words, '--json').stdout) as T

describe('bootpack fleet', function () {
  this.timeout(240_000)
  let folder: string
  let fleet: string
  const traces: string[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bootpack-test-fleet-'))
    fleet = join(folder, 'fleet')
    const read = await readTrace(recording)
    // Names for half of the files, as an importer would have given them.
    const named = {
      ...read,
      reads: read.reads.map((each) =>
        each.ino !== undefined && each.ino % 2 === 0 ? { ...each, path: `/usr/lib/f${each.ino}.so.1.2` } : each,
      ),
    }
    for (const { trace, machine } of makeFleet([named], { boots: 34, machines: 34, seed: 9 })) {
      const name = join(folder, `${String(traces.length).padStart(2, '0')}.trace.gz`)
      await writeTrace(name, { ...trace, header: { ...trace.header, machine } })
      traces.push(name)
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('adds boots by a pattern, once, for nobody else to read', () => {
    const added = json<{ boots: number; batches: number }>(
      'fleet',
      'add',
      fleet,
      join(folder, '*.trace.gz'),
      '--image',
      'box-1',
      '--batch',
      '10',
    )
    expect(added).to.include({ boots: 34, batches: 4, known: 0 })
    expect(bootpack('fleet', 'add', fleet, ...traces.slice(0, 3), '--image', 'box-1').stdout).to.match(
      /^0 boots added.*3 were there already/,
    )
    expect(statSync(fleet).mode & 0o077).to.equal(0)
    expect(statSync(join(fleet, 'machine.key')).mode & 0o077).to.equal(0)
    expect(readdirSync(join(fleet, '.adding'))).to.deep.equal([])
  })

  it('never says the name of a machine', async () => {
    const { database, sources } = await openFleet(fleet, '512MB')
    try {
      const rows = await database.rows<Record<string, unknown>>(`select * from read_parquet('${sources.boots}')`)
      expect(rows).to.have.length(34)
      for (const row of rows) expect(Object.values(row).join(' ')).not.to.match(/machine-\d/)
    } finally {
      await database.close()
    }
  })

  it('merges them to the profile of `trace merge`', async () => {
    const profile = join(folder, 'profile.trace')
    const merged = json<{ boots: number; minSupport: number; reads: number }>(
      'fleet',
      'merge',
      fleet,
      '--image',
      'box-1',
      '-o',
      profile,
    )
    expect(merged).to.include({ boots: 34, minSupport: 18 })
    const boots = []
    for (const name of traces) boots.push(await readTrace(name))
    const { reads } = mergeTraces(boots)
    expect(reads.some(({ by }) => by !== undefined)).to.equal(true)
    expect((await readTrace(profile)).reads).to.deep.equal(reads)
    const most = json<{ minSupport: number; reads: number }>(
      'fleet',
      'merge',
      fleet,
      '--image',
      'box-1',
      '--min-support',
      '90%',
      '-o',
      profile,
    )
    expect(most.minSupport).to.equal(31)
    expect(most.reads).to.be.below(merged.reads)
    expect(
      json<{ boots: number }>('fleet', 'merge', fleet, '--image', 'box-1', '--since', '2026-10-15', '-o', profile)
        .boots,
    ).to.equal(17)
  })

  it('shows images, support, drift and slow machines, and writes a page', () => {
    const [image] = json<{ image: string; boots: number; machines: number }[]>('fleet', 'show', 'images', fleet)
    expect(image).to.include({ image: 'box-1', boots: 34 })
    expect(image!.machines).to.be.within(2, 34)
    const { bands } = json<{ bands: { from: number; files: number }[] }>(
      'fleet',
      'show',
      'support',
      fleet,
      '--image',
      'box-1',
    )
    expect(bands.map(({ from }) => from)).to.deep.equal([0.9, 0.5, 0.1, 0])
    const drifted = json<{ path: string; before: number; after: number }[]>(
      'fleet',
      'show',
      'drift',
      fleet,
      '--image',
      'box-1',
      '--since',
      '2026-10-15',
    )
    expect(drifted.some(({ path, after, before }) => path.endsWith('.so.1.3') && after > before)).to.equal(true)
    const html = join(folder, 'slow.html')
    const slow = json<{ times: number; alone: { path: string }[] }[]>(
      'fleet',
      'show',
      'slow',
      fleet,
      '--image',
      'box-1',
      '--html',
      html,
    )
    expect(slow.length).to.be.above(0)
    expect(slow[0]!.times).to.be.above(1.5)
    expect(slow[0]!.alone.every(({ path }) => path.startsWith('/opt/machine-'))).to.equal(true)
    const page = readFileSync(html, 'utf8')
    expect(page).to.match(/^<!DOCTYPE html>/)
    // Names may break where the window is narrow; numbers do not.
    expect(page).to.match(/<td>\/opt\/machine-/)
    expect(page).to.match(/<td class="number">[\d.]+x</)
    expect(page).not.to.match(/class="number">\/opt/)
  })

  it('adds what can be read, names what cannot, and ends with 3', () => {
    const broken = join(folder, 'broken.trace.x')
    writeFileSync(broken, '{"bootpack":"trace","version":9}\n')
    const { status, stderr } = bootpack('fleet', 'add', fleet, broken, '--image', 'box-1')
    expect(status).to.equal(3)
    expect(stderr).to.match(/^Not added: .*broken\.trace\.x: The trace has version 9/)
  })

  it('says what is wrong and what to do: no fleet, no image, no number, no server', () => {
    const said = (...words: string[]): string => {
      const { status, stderr } = bootpack(...words)
      expect(status).to.equal(2)
      return stderr
    }
    const out = join(folder, 'nothing.trace')
    expect(said('fleet', 'merge', folder, '--image', 'x', '-o', out)).to.match(/holds no boots[^]*fleet add/)
    expect(said('fleet', 'merge', fleet, '--image', 'x', '-o', out)).to.match(
      /no boots of the image "x"[^]*show images/,
    )
    expect(said('fleet', 'merge', fleet, '--image', 'box-1', '--min-support', '0%', '-o', out)).to.match(
      /Give 25, or 60%/,
    )
    expect(said('fleet', 'merge', fleet, '--image', 'box-1', '--memory', 'lots', '-o', out)).to.match(
      /no amount of memory/,
    )
    expect(said('fleet', 'merge', '--engine', 'clickhouse', '--image', 'x', '-o', out)).to.match(/--url/)
    expect(said('fleet', 'add', fleet, traces[0]!, '--image', '../x')).to.match(/cannot be the name of a folder/)
    expect(existsSync(out)).to.equal(false)
  })

  it('says what is missing where buckets cannot be read, without downloading anything', () => {
    const { status, stderr } = bootpack(
      'fleet',
      'merge',
      's3://bucket/fleet',
      '--image',
      'x',
      '-o',
      join(folder, 'x.trace'),
    )
    expect(stderr).to.match(/httpfs, which is not installed here[^]*INSTALL httpfs/)
    expect(status).to.equal(5)
  })

  it('prints its queries for four engines, and the tables they need', () => {
    for (const dialect of ['duckdb', 'clickhouse', 'trino', 'spark']) {
      const { queries } = json<{ queries: { name: string; sql: string }[] }>('fleet', 'sql', '--dialect', dialect)
      expect(queries.map(({ name }) => name)).to.deep.equal([
        'shapes',
        'touch',
        'support',
        'ranks',
        'readers',
        'names',
        'times',
      ])
    }
    expect(bootpack('fleet', 'sql', '--dialect', 'clickhouse', '--setup', '--cluster', 'fleet').stdout).to.match(
      /Distributed\(fleet, currentDatabase\(\), bootpack_reads_local/,
    )
  })
})
