/** The same profile whoever counts: in memory, DuckDB over Parquet, its printed SQL, ClickHouse. */
import { mkdtempSync, rmSync } from 'node:fs'
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
import { bootOrder, bootRow } from '../src/schema/boot.js'
import { addBoots, type AddOptions, type NewBoot } from '../src/store/add.js'
import { setupStatements } from '../src/sql/clickhouse.js'
import { skip } from '../../../test/support/tools.js'
import { noClickHouse, startCluster } from './support/clickhouse.js'
import { randomBoots } from './support/random-boots.js'

/** What `trace merge` makes of them; a fleet's profile does not tell who reads. */
const inMemory = (traces: readonly Trace[], options?: Parameters<typeof mergeTraces>[1]): Trace =>
  mergeTraces(
    traces.map((trace) => ({
      ...trace,
      reads: trace.reads.map(({ by: _, unit: __, ...read }) => read as (typeof trace.reads)[number]),
    })),
    options,
  )

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
            inMemory(expected, { minSupport }),
          )
      } finally {
        await engine.close()
      }
    }
  })

  it('counts a boot once that two people added at the same time', async () => {
    const boots = [...randomBoots(3), ...randomBoots(4)]
    await Promise.all([addBoots(folder, all(boots), options), addBoots(folder, all([...boots].reverse()), options)])
    expect(await byDuckDb()).to.deep.equal(inMemory(inOrder(boots)))
  })

  it('asks for boots of one image only', async () => {
    const boots = randomBoots(5)
    await addBoots(folder, all(boots), options)
    await addBoots(folder, all(randomBoots(6), 'other'), options)
    expect(await byDuckDb()).to.deep.equal(inMemory(inOrder(boots)))
  })

  it('keeps its limit of memory by more passes, with the same answer', async () => {
    const { Touches } = await import('../src/merge/touches.js')
    const boot = [0, 0, 0, 1, 1, 2]
    const shape = [0, 1, 0, 1, 0, 1]
    const pass = async function* (): AsyncGenerator<{ boot: number[]; shape: number[]; t: (number | null)[] }> {
      yield { boot, shape, t: [5, 1, 9, null, 3, 2] }
    }
    const answers = []
    for (const atOnce of [1, 2, 1000]) {
      const touches = new Touches(3, Int32Array.of(0, 1), Int32Array.of(2, 3), pass, atOnce)
      const support = await touches.countBoots(2)
      answers.push([support, await touches.ranks([...support.keys()]), await touches.times([...support.keys()])])
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

    const merge = async (image: string, minSupport: number, url = cluster.servers[0]!.url): Promise<Trace> => {
      const engine = await ClickHouseEngine.open(new Server({ url }), 'bootpack_')
      try {
        return (await mergeFleet(engine, { image, minSupport })).trace
      } finally {
        await engine.close()
      }
    }

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
            inMemory(expected, { minSupport }),
          )
      }
    })

    it('ends with an error, and no half profile, when one of them is down', async function () {
      this.timeout(120_000)
      await cluster.servers[2]!.stop()
      let error: Error | undefined
      await merge('image-21', 1).catch((thrown: Error) => void (error = thrown))
      expect(error?.message).to.match(/did not answer a query/)
    })
  })

  it("runs the SQL that `fleet sql --dialect duckdb` prints, with the in-memory merge's answers", async () => {
    const boots = inOrder(randomBoots(31))
    await addBoots(folder, all(boots), options)
    const { database, sources } = await openFleet(folder, '512MB')
    try {
      await database.run(
        `create table bootpack_reads as select * from read_parquet('${sources.reads}', hive_partitioning = false)`,
      )
      await answersOf(database, boots)
    } finally {
      await database.close()
    }
  })
})

/** Runs the printed queries in their order, with the tables that docs/fleet.md says they need. */
async function answersOf(database: Database, boots: readonly Trace[]): Promise<void> {
  const { queriesOf } = await import('../src/sql/dialects.js')
  const { Segmentation, firstTouches } = await import('./support/core-merge.js')
  const queries = new Map(queriesOf('duckdb', { tables: 'bootpack_' }).map(({ name, sql }) => [name, sql]))
  const rows = boots.map((trace) => bootRow(trace, { image: 'one', place: 0, today: '' }))
  await database.run('create table boot (n integer, boot_id varchar)')
  for (const [n, { boot_id }] of rows.entries()) await database.run(`insert into boot values (${n}, '${boot_id}')`)
  const segmentation = new Segmentation(boots.map(({ reads }) => reads))
  const { shapeKey, shapeNumber } = await import('../src/schema/shape.js')
  await database.run('create table cover (shape bigint, first integer, last integer)')
  const shapes = new Map(boots.flatMap(({ reads }) => reads.map((read) => [shapeKey(read), read] as const)))
  for (const [key, read] of shapes) {
    const range = segmentation.segmentsOf(read)
    if (range) await database.run(`insert into cover values (${shapeNumber(key)}, ${range.first}, ${range.end})`)
  }
  const distinct = await database.rows(queries.get('shapes')!)
  expect(distinct.length).to.equal(shapes.size)
  await database.run('create table touch (n integer, sid integer, seq integer, t double)')
  await database.run(queries.get('touch')!)
  const expected = boots.flatMap(({ reads }, n) =>
    firstTouches(reads, segmentation).map(({ segment, t }) => `${n} ${segment} ${t ?? 'none'}`),
  )
  const touched = await database.rows<{ n: number; sid: number; t: number | null }>('select * from touch')
  expect(touched.map(({ n, sid, t }) => `${n} ${sid} ${t ?? 'none'}`)).to.have.members(expected)
  await database.run('create table kept as select distinct sid from touch')
  await database.run('create table ranked (sid integer, r integer, n integer)')
  await database.run(queries.get('ranks')!)
  const ranks = await database.rows<{ n: bigint }>('select sum(n) as n from ranked')
  expect(Number(ranks[0]!.n)).to.equal(expected.length)
  await database.run('create table head as select * from kept')
  expect(await database.rows(queries.get('times')!)).not.to.have.length(0)
}
