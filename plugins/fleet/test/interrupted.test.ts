/** Boots are added whole or not at all, whoever else adds and whenever it ends. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readTrace, writeTrace, type Trace } from 'bootpack'
import { mergeTraces } from 'bootpack/trace'
import { DuckDbEngine } from '../src/duckdb/engine.js'
import { openFleet } from '../src/duckdb/open-fleet.js'
import { mergeFleet } from '../src/merge/merge-fleet.js'
import { bootOrder, bootRow } from '../src/schema/boot.js'
import { holdsBoots } from '../src/store/layout.js'
import { skip } from '../../../test/support/tools.js'
import { randomBoots } from './support/random-boots.js'

const launcher = new URL('../../../bin/bootpack.js', import.meta.url).pathname

/** One thread for files, so that its system calls can be counted. */
const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }

describe('adding boots to a fleet', function () {
  this.timeout(600_000)
  let folder: string
  let boots: Trace[]
  let traces: string[]
  let adding: string[]

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bootpack-test-adding-'))
    const made = [...randomBoots(81), ...randomBoots(82)].filter(
      ({ reads, header }) => reads.length > 0 && !String(header.recorded).startsWith('2026-11-03'),
    )
    traces = made.map((_, i) => join(folder, `boot-${i}.trace`))
    boots = []
    for (const [i, name] of traces.entries()) {
      await writeTrace(name, made[i]!)
      boots.push(await readTrace(name))
    }
    adding = [launcher, 'fleet', 'add', '--image', 'one', '--machine', 'm', '--keep-private', '--batch', '100']
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const inOrder = (traces: readonly Trace[]): Trace[] => [...traces].sort((a, b) => bootOrder(row(a), row(b)))
  const row = (trace: Trace): ReturnType<typeof bootRow> => bootRow(trace, { image: 'one', place: 0, today: '' })

  /** The boots that count, and that their profile is the one of these boots in memory. */
  async function counted(fleet: string): Promise<number> {
    if (!holdsBoots(fleet)) return 0
    const { database, sources } = await openFleet(fleet, '512MB')
    const engine = new DuckDbEngine(database, sources)
    try {
      const there = new Set((await engine.boots({ image: 'one' })).map(({ boot_id }) => boot_id))
      const { trace } = await mergeFleet(engine, { image: 'one', minSupport: 1 })
      const expected = inOrder(boots.filter((boot) => there.has(row(boot).boot_id)))
      expect(trace).to.deep.equal(mergeTraces(expected, { minSupport: 1 }))
      return expected.length
    } finally {
      await engine.close()
    }
  }

  it('can be killed before any of its steps: what counts is whole, and adding again completes it', async function () {
    if (spawnSync('strace', ['-V']).error) skip(this, 'needs strace (Debian package strace)')
    const partly = new Set<number>()
    let killed = 0
    for (const call of ['rename', 'fsync', 'link'])
      for (let nth = 1; ; nth++) {
        const fleet = join(folder, `fleet-${call}-${nth}`)
        const { status, signal, stderr } = spawnSync(
          'strace',
          [
            '-f',
            '-qq',
            '-o',
            '/dev/null',
            '-e',
            `trace=${call}`,
            '-e',
            `inject=${call}:signal=SIGKILL:when=${nth}`,
          ].concat(process.execPath, ...adding, fleet, ...traces),
          { encoding: 'utf8', env },
        )
        if (status === 0) {
          expect(await counted(fleet)).to.equal(boots.length)
          break
        }
        expect(signal ?? status, stderr).to.be.oneOf(['SIGKILL', 137])
        killed++
        partly.add(await counted(fleet))
        const again = spawnSync(process.execPath, [...adding, fleet, ...traces], { encoding: 'utf8', env })
        expect(again.status, again.stderr).to.equal(0)
        expect(await counted(fleet), `killed at ${call} ${nth}`).to.equal(boots.length)
        rmSync(fleet, { recursive: true })
      }
    // Nothing of it, some days of it, all of it: the steps that were hit are those in between.
    expect(killed).to.be.at.least(12)
    expect(Math.min(...partly)).to.equal(0)
    expect([...partly].some((some) => some > 0 && some < boots.length)).to.equal(true)
  })

  it('is done by several at once from nothing, with one key, and counts each boot once', async () => {
    const fleet = join(folder, 'together')
    const ends = [traces, [...traces].reverse(), traces.slice(1), traces.slice(0, 2)].map(
      (some) =>
        new Promise<{ status: number | null; stderr: string }>((resolve) => {
          const child = spawn(process.execPath, [...adding, fleet, ...some], { stdio: ['ignore', 'ignore', 'pipe'] })
          let stderr = ''
          child.stderr.on('data', (piece: Buffer) => void (stderr += piece.toString()))
          child.once('close', (status) => resolve({ status, stderr }))
        }),
    )
    for (const { status, stderr } of await Promise.all(ends)) expect(status, stderr).to.equal(0)
    expect(await counted(fleet)).to.equal(boots.length)
    expect(readdirSync(fleet).sort()).to.deep.equal(['.adding', 'boots', 'machine.key', 'reads'])
    const { database, sources } = await openFleet(fleet, '512MB')
    try {
      const machines = await database.rows(
        `select distinct machine_id from read_parquet('${sources.boots}', hive_partitioning = false)`,
      )
      expect(machines).to.have.length(1)
    } finally {
      await database.close()
    }
  })
})
