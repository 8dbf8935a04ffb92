/** The same profile whoever counts: in memory, DuckDB over Parquet, its printed SQL, ClickHouse. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Trace } from 'bootpack'
import { mergeTraces } from 'bootpack/trace'
import { ClickHouseEngine } from '../src/clickhouse/engine.js'
import { addToServer } from '../src/clickhouse/add.js'
import { Server } from '../src/clickhouse/server.js'
import type { Database } from '../src/duckdb/database.js'
import { DuckDbEngine } from '../src/duckdb/engine.js'
import { openFleet } from '../src/duckdb/open-fleet.js'
import { mergeFleet } from '../src/merge/merge-fleet.js'
import type { SeenReads } from '../src/merge/touches.js'
import { bootOrder, bootRow } from '../src/schema/boot.js'
import { bootColumns, newReadColumns, readColumns, type Column } from '../src/schema/columns.js'
import { readerNumber, readerOfColumns } from '../src/schema/reader.js'
import { addBoots, type AddOptions, type NewBoot } from '../src/store/add.js'
import { setupStatements, upgradeStatements } from '../src/sql/clickhouse.js'
import { skip } from '../../../test/support/tools.js'
import { noClickHouse, startCluster } from './support/clickhouse.js'
import { noCurrentClickHouse, startCurrentClickHouse } from './support/current-clickhouse.js'
import { asSchema1, extra1 } from './support/schema-1.js'
import { randomBoots } from './support/random-boots.js'
import { relay } from './support/relay.js'

const options: AddOptions = { without: [], today: '2026-11-30', known: new Set() }

async function* all(traces: readonly Trace[], image = 'one'): AsyncGenerator<NewBoot> {
  for (const trace of traces) yield { trace, image }
}

/** As every engine orders boots, each once. */
function inOrder(traces: readonly Trace[]): Trace[] {
  const rows = traces.map((trace) => ({ trace, row: bootRow(trace, { image: 'one', place: 0, today: '' }) }))
  const once = [...new Map(rows.map((each) => [each.row.boot_id, each])).values()]
  return once.sort((a, b) => bootOrder(a.row, b.row)).map(({ trace }) => trace)
}

describe("merging a fleet's boots", () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'bootpack-test-fleet-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const byDuckDb = async (minSupport?: number): Promise<Trace> => {
    const { database, sources } = await openFleet(folder, '512MB')
    const engine = new DuckDbEngine(database, sources)
    try {
      return (await mergeFleet(engine, { image: 'one', ...(minSupport === undefined ? {} : { minSupport }) })).trace
    } finally {
      await engine.close()
    }
  }

  it('gives the profile of `trace merge` to the byte, for random boots and any support', async function () {
    this.timeout(240_000)
    for (let seed = 1; seed <= 12; seed++) {
      const boots = randomBoots(seed)
      const at = join(folder, String(seed))
      await addBoots(at, all(boots), { ...options, perBatch: 2 })
      const { database, sources } = await openFleet(at, '512MB')
      const engine = new DuckDbEngine(database, sources)
      try {
        const expected = inOrder(boots)
        for (let minSupport = 1; minSupport <= expected.length; minSupport++)
          expect((await mergeFleet(engine, { image: 'one', minSupport })).trace, `seed ${seed}`).to.deep.equal(
            mergeTraces(expected, { minSupport }),
          )
      } finally {
        await engine.close()
      }
    }
  })

  it('reads a fleet of schema 1, beside boots of this one, with who reads', async function () {
    this.timeout(120_000)
    for (const seed of [41, 42, 43]) {
      const boots = [...randomBoots(seed), ...randomBoots(seed + 100)]
      const at = join(folder, String(seed))
      await addBoots(at, all(boots.slice(0, 2)), options)
      await asSchema1(at)
      const known = new Set(
        boots.slice(0, 2).map((trace) => bootRow(trace, { image: 'one', place: 0, today: '' }).boot_id),
      )
      await addBoots(at, all(boots), { ...options, known })
      const { database, sources } = await openFleet(at, '512MB')
      const engine = new DuckDbEngine(database, sources)
      try {
        const expected = inOrder(boots)
        const { trace } = await mergeFleet(engine, { image: 'one', minSupport: 1 })
        expect(trace, `seed ${seed}`).to.deep.equal(mergeTraces(expected, { minSupport: 1 }))
      } finally {
        await engine.close()
      }
    }
  })

  it('counts a boot once that two people added at the same time', async () => {
    const boots = [...randomBoots(3), ...randomBoots(4)]
    await Promise.all([addBoots(folder, all(boots), options), addBoots(folder, all([...boots].reverse()), options)])
    expect(await byDuckDb()).to.deep.equal(mergeTraces(inOrder(boots)))
  })

  it('asks for boots of one image only', async () => {
    const boots = randomBoots(5)
    await addBoots(folder, all(boots), options)
    await addBoots(folder, all(randomBoots(6), 'other'), options)
    expect(await byDuckDb()).to.deep.equal(mergeTraces(inOrder(boots)))
  })

  it('keeps its limit of memory by more passes, with the same answer', async () => {
    const { Touches } = await import('../src/merge/touches.js')
    const boot = [0, 0, 0, 1, 1, 2]
    const shape = [0, 1, 0, 1, 0, 1]
    const pass = async function* (): AsyncGenerator<SeenReads> {
      yield { boot, shape, t: [5, 1, 9, null, 3, 2], reader: [0, 1, 1, null, 0, 0] }
    }
    const answers = []
    for (const atOnce of [1, 2, 1000]) {
      const touches = new Touches(3, Int32Array.of(0, 1), Int32Array.of(2, 3), pass, atOnce)
      const support = await touches.countBoots(2)
      const kept = [...support.keys()]
      answers.push([support, await touches.ranks(kept), await touches.times(kept), await touches.readers(kept)])
    }
    expect(answers[0]).to.deep.equal(answers[2])
    expect(answers[1]).to.deep.equal(answers[2])
    expect(answers[2]![0]).to.deep.equal(
      new Map([
        [0, 2],
        [1, 3],
        [2, 3],
      ]),
    )
    // Boot 0 reads 0 and 1 by reader 0, then 2 by reader 1; boot 1 reads 1 and 2 by nobody told, then 0; boot 2 reads 1 and 2.
    expect(answers[2]![3]).to.deep.equal(
      new Map([
        [0, new Map([[0, 2]])],
        [1, new Map([[0, 2]])],
        [
          2,
          new Map([
            [1, 1],
            [0, 1],
          ]),
        ],
      ]),
    )
  })

  describe('on ClickHouse servers', () => {
    let cluster: Awaited<ReturnType<typeof startCluster>>
    before(async function () {
      this.timeout(120_000)
      const reason = noClickHouse()
      if (reason !== undefined) skip(this, reason)
      cluster = await startCluster(3)
      for (const { url } of cluster.servers) {
        const server = new Server({ url })
        for (const statement of setupStatements('bootpack_', 'fleet')) await server.run(statement)
        await server.close()
      }
    })
    after(async () => cluster?.close())

    const merge = (image: string, minSupport: number): Promise<Trace> =>
      byClickHouse(cluster.servers[0]!.url, image, minSupport)

    it('reads tables of schema 1, and adds to them once they have the columns of this one', async function () {
      this.timeout(120_000)
      await oldTables(cluster.servers[1]!.url)
    })

    it('gives the same profile when three of them hold a part of the boots each', async function () {
      this.timeout(240_000)
      for (let seed = 21; seed <= 24; seed++) {
        const boots = randomBoots(seed)
        const server = new Server({ url: cluster.servers[seed % 3]!.url })
        await addToServer(server, 'bootpack_', all(boots, `image-${seed}`), options)
        await server.close()
        const expected = inOrder(boots)
        for (const minSupport of new Set([1, Math.ceil(expected.length / 2), expected.length]))
          expect(await merge(`image-${seed}`, minSupport), `seed ${seed}`).to.deep.equal(
            mergeTraces(expected, { minSupport }),
          )
      }
    })

    it('ends with an error, and no half profile, when one of them goes down in the middle or is down', async function () {
      this.timeout(120_000)
      const adding = new Server({ url: cluster.servers[0]!.url })
      await addToServer(adding, 'bootpack_', all([...randomBoots(71), ...randomBoots(72)], 'lost'), options)
      await adding.close()
      let asked = 0
      const between = await relay(cluster.servers[0]!.url, async (query) => {
        if (!/insert into bootpack_merge_\w+touch/i.test(query)) return
        asked++
        await cluster.servers[2]!.stop()
      })
      const profile = join(folder, 'profile.trace')
      const words = ['fleet', 'merge', '--engine', 'clickhouse', '--image', 'lost', '-o', profile, '--url']
      try {
        const stopped = await run(...words, between.url)
        expect(asked).to.equal(1)
        const down = await run(...words, cluster.servers[0]!.url)
        for (const { status, stderr } of [stopped, down]) {
          expect(status).to.equal(1)
          expect(stderr).to.match(/did not answer a query[^]*Every server of the cluster has to be up/)
        }
        expect(readdirSync(folder)).to.deep.equal([])
        const server = new Server({ url: cluster.servers[0]!.url })
        const left = await server.rows("select name from system.tables where name like 'bootpack\\_merge%'")
        await server.close()
        expect(left).to.deep.equal([])
      } finally {
        await between.close()
      }
    })
  })

  describe('on a current ClickHouse', () => {
    let current: Awaited<ReturnType<typeof startCurrentClickHouse>>
    before(async function () {
      const reason = noCurrentClickHouse()
      if (reason !== undefined) skip(this, reason)
      current = await startCurrentClickHouse()
      const server = new Server({ url: current.url })
      expect(Number((await server.version()).split('.')[0])).to.be.at.least(24)
      for (const statement of setupStatements('bootpack_')) await server.run(statement)
      await server.close()
    })
    after(async () => current?.close())

    it('gives the same profile for random boots and any support', async function () {
      this.timeout(240_000)
      for (let seed = 51; seed <= 58; seed++) {
        const boots = randomBoots(seed)
        const server = new Server({ url: current.url })
        await addToServer(server, 'bootpack_', all(boots, `image-${seed}`), options)
        await server.close()
        const expected = inOrder(boots)
        for (let minSupport = 1; minSupport <= expected.length; minSupport++)
          expect(await byClickHouse(current.url, `image-${seed}`, minSupport), `seed ${seed}`).to.deep.equal(
            mergeTraces(expected, { minSupport }),
          )
      }
    })

    it('reads tables of schema 1, and adds to them once they have the columns of this one', async function () {
      this.timeout(120_000)
      await oldTables(current.url)
    })
  })

  it("runs the SQL that `fleet sql` prints for DuckDB and for Trino, with the in-memory merge's answers", async () => {
    const boots = inOrder(randomBoots(31))
    await addBoots(folder, all(boots), options)
    const { database, sources } = await openFleet(folder, '512MB')
    try {
      await database.run(
        `create table bootpack_reads as select * from read_parquet('${sources.reads}', hive_partitioning = false)`,
      )
      await answersOf(database, boots, 'duckdb')
      // No Trino is to be had here; its SQL is DuckDB's but for the names of two functions.
      await database.run('create macro sequence(low, high) as range(low, high + 1)')
      await database.run('create macro element_at(list, place) as list_extract(list, place)')
      await answersOf(database, boots, 'trino')
    } finally {
      await database.close()
    }
  })
})

async function byClickHouse(url: string, image: string, minSupport: number, prefix = 'bootpack_'): Promise<Trace> {
  const engine = await ClickHouseEngine.open(new Server({ url }), prefix, 2)
  try {
    return (await mergeFleet(engine, { image, minSupport })).trace
  } finally {
    await engine.close()
  }
}

/** A command as it is typed. */
function run(...words: string[]): Promise<{ status: number | null; stderr: string }> {
  const child = spawn(process.execPath, [new URL('../../../bin/bootpack.js', import.meta.url).pathname, ...words])
  let stderr = ''
  child.stderr.on('data', (piece: Buffer) => void (stderr += piece.toString()))
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, stderr })))
}

/** Boots in tables as schema 1 had them: merged as they are, and with others once the tables are brought up to date. */
async function oldTables(url: string): Promise<void> {
  const boots = inOrder([...randomBoots(61), ...randomBoots(62)])
  const server = new Server({ url })
  try {
    for (const statement of setupStatements('new_')) await server.run(statement)
    await addToServer(server, 'new_', all(boots.slice(1)), options)
    await server.run(`create table old_boots (${clickhouseColumns(bootColumns)}) engine = Memory`)
    await server.run('insert into old_boots select * from new_boots')
    const columns = readColumns.filter(({ name }) => !newReadColumns.includes(name))
    await server.run(
      `create table old_reads (${clickhouseColumns(columns)}) engine = MergeTree order by (boot_id, seq)`,
    )
    const names = columns.map(({ name }) => name)
    const place = readColumns.map(({ name }) => name)
    const rows = (await server.rows(`select ${place.join(', ')} from new_reads`)).map((row) => {
      const at = (name: string): string | null => row[place.indexOf(name)]!
      return names.map((name) => (name === 'extra' ? extra1(at('program'), at('unit'), at('extra')) : at(name)))
    })
    await server.insert('old_reads', rows)
    expect(await byClickHouse(url, 'one', 1, 'old_')).to.deep.equal(mergeTraces(boots.slice(1), { minSupport: 1 }))
    let refused: Error | undefined
    await addToServer(server, 'old_', all(boots), options).catch((error: Error) => void (refused = error))
    expect(refused?.message).to.match(/is of schema 1/)
    for (const statement of upgradeStatements('old_')) await server.run(statement)
    await addToServer(server, 'old_', all(boots.slice(0, 1)), options)
    expect(await byClickHouse(url, 'one', 1, 'old_')).to.deep.equal(mergeTraces(boots, { minSupport: 1 }))
  } finally {
    await server.close()
  }
}

const clickhouseColumns = (columns: readonly Column[]): string =>
  columns.map(({ name, clickhouse }) => `${name} ${clickhouse}`).join(', ')

/** Runs the printed queries in their order, with the tables that docs/fleet.md says they need. */
async function answersOf(database: Database, boots: readonly Trace[], dialect: 'duckdb' | 'trino'): Promise<void> {
  const { queriesOf } = await import('../src/sql/dialects.js')
  const { Segmentation, firstTouches } = await import('./support/core-merge.js')
  const queries = new Map(queriesOf(dialect, { tables: 'bootpack_' }).map(({ name, sql }) => [name, sql]))
  const rows = boots.map((trace) => bootRow(trace, { image: 'one', place: 0, today: '' }))
  await database.run('create or replace table boot (n integer, boot_id varchar)')
  for (const [n, { boot_id }] of rows.entries()) await database.run(`insert into boot values (${n}, '${boot_id}')`)
  const segmentation = new Segmentation(boots.map(({ reads }) => reads))
  const { shapeKey, shapeNumber } = await import('../src/schema/shape.js')
  await database.run('create or replace table cover (shape bigint, first integer, last integer)')
  const shapes = new Map(boots.flatMap(({ reads }) => reads.map((read) => [shapeKey(read), read] as const)))
  for (const [key, read] of shapes) {
    const range = segmentation.segmentsOf(read)
    if (range) await database.run(`insert into cover values (${shapeNumber(key)}, ${range.first}, ${range.end})`)
  }
  const distinct = await database.rows(queries.get('shapes')!)
  expect(distinct.length).to.equal(shapes.size)
  await database.run('create or replace table touch (n integer, sid integer, seq integer, t double, reader bigint)')
  await database.run(queries.get('touch')!)
  const expected = boots.flatMap(({ reads }, n) =>
    firstTouches(reads, segmentation).map(
      ({ segment, t, reader }) =>
        `${n} ${segment} ${t ?? 'none'} ${reader === undefined ? 'nobody' : readerNumber(reader)}`,
    ),
  )
  const touched = await database.rows<{ n: number; sid: number; t: number | null; reader: bigint | null }>(
    'select * from touch',
  )
  expect(touched.map(({ n, sid, t, reader }) => `${n} ${sid} ${t ?? 'none'} ${reader ?? 'nobody'}`)).to.have.members(
    expected,
  )
  await database.run('create or replace table kept as select distinct sid from touch')
  await database.run('create or replace table ranked (sid integer, r integer, n integer)')
  await database.run(`${dialect === 'duckdb' ? '' : 'insert into ranked'} ${queries.get('ranks')!}`)
  const ranks = await database.rows<{ n: bigint }>('select sum(n) as n from ranked')
  expect(Number(ranks[0]!.n)).to.equal(expected.length)
  const told = await database.rows<{ n: number | bigint }>(queries.get('readers')!)
  expect(told.reduce((sum, { n }) => sum + Number(n), 0)).to.equal(
    expected.filter((each) => !each.endsWith('nobody')).length,
  )
  const names = await database.rows<{ reader: bigint; program: string | null; unit: string | null }>(
    queries.get('names')!,
  )
  for (const { reader, program, unit } of names) expect(readerNumber(readerOfColumns(program, unit)!)).to.equal(reader)
  await database.run('create or replace table head as select * from kept')
  expect(await database.rows(queries.get('times')!)).not.to.have.length(0)
}
