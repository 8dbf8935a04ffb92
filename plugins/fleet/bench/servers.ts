/**
 * A fleet on several ClickHouse servers (Debian's package, on loopback): processor time and
 * memory of a merge, the client's and the servers', beside DuckDB over the same boots; and
 * what is left when one of the servers is stopped in the middle.
 *
 *     node --import tsx --conditions=bootpack-source plugins/fleet/bench/servers.ts 2500 3 RECORDING…
 *
 * The fleet is made from the recordings named (test/support/fleet-generator.ts, seed 1).
 * Ends with 1 where the profiles differ, or where a stopped server leaves anything.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrace, type Trace } from 'bootpack'
import { benchArguments, benchFolder, bootpack, costOfBootpack } from '../../../test/support/bench-process.js'
import { table } from '../../../src/text/table.js'
import { count, seconds } from '../../../src/text/units.js'
import { addToServer } from '../src/clickhouse/add.js'
import { Server } from '../src/clickhouse/server.js'
import { setupStatements } from '../src/sql/clickhouse.js'
import { addBoots, type NewBoot } from '../src/store/add.js'
import { noClickHouse, startCluster } from '../test/support/clickhouse.js'
import { makeFleet } from '../test/support/fleet-generator.js'
import { relay } from '../test/support/relay.js'

const [number, shards, ...files] = benchArguments(3, '../../plugins/fleet/bench/servers.ts BOOTS SERVERS RECORDING…')
const missing = noClickHouse()
if (missing !== undefined) {
  console.error(`This ${missing}.`)
  process.exit(2)
}
const recordings: Trace[] = []
for (const file of files) recordings.push(await readTrace(file))

async function* boots(): AsyncGenerator<NewBoot> {
  for (const { trace, machine } of makeFleet(recordings, { boots: Number(number), seed: 1 }))
    yield { trace, machine, image: 'bench' }
}

const adding = { without: [], today: '2026-11-30', known: new Set<string>(), perBatch: 100 }
const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)

/** Processor seconds and the largest resident set, MiB, of a process that runs. */
function usage(pid: number): { cpu: number; peak: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, peak: Number(peak) / 1024 }
}

const folder = benchFolder()
const cluster = await startCluster(Number(shards))
try {
  for (const { url } of cluster.servers) {
    const server = new Server({ url })
    for (const statement of setupStatements('bootpack_', 'fleet')) await server.run(statement)
    await server.close()
  }
  const { url } = cluster.servers[0]!
  const server = new Server({ url })
  const { reads } = await addToServer(server, 'bootpack_', boots(), adding)
  const parts: string[] = []
  for (const each of cluster.servers) {
    const one = new Server({ url: each.url })
    parts.push(count(Number((await one.rows('select count() from bootpack_boots_local'))[0]![0])))
    await one.close()
  }
  console.log(`${number!} boots, ${count(reads)} reads; boots on the servers: ${parts.join(', ')}`)
  const fleet = join(folder.path, 'fleet')
  await addBoots(fleet, boots(), { ...adding, perBatch: 500 })

  const rows: string[][] = []
  const words = ['fleet', 'merge', '--image', 'bench', '-o']
  const byDuckDb = costOfBootpack([...words, join(folder.path, 'duckdb.trace'), fleet])
  const size = (mib: number): string => `${Math.round(mib)} MiB`
  const hashes = [hashOf(join(folder.path, 'duckdb.trace'))]
  rows.push(['DuckDB', seconds(byDuckDb.cpuSeconds * 1000), '-', size(byDuckDb.peakMiB), '-', hashes[0]!])
  const before = cluster.servers.map(({ pid }) => usage(pid).cpu)
  const onServers = ['--engine', 'clickhouse', '--url', url]
  const byServers = costOfBootpack([...words, join(folder.path, 'servers.trace'), ...onServers])
  const after = cluster.servers.map(({ pid }) => usage(pid))
  hashes.push(hashOf(join(folder.path, 'servers.trace')))
  rows.push([
    `ClickHouse, ${shards!} servers`,
    seconds(byServers.cpuSeconds * 1000),
    seconds(after.reduce((sum, { cpu }, i) => sum + cpu - before[i]!, 0) * 1000),
    size(byServers.peakMiB),
    size(Math.max(...after.map(({ peak }) => peak))),
    hashes[1]!,
  ])
  console.log(table(['merge', 'processor', 'of servers', 'memory', 'largest server', 'profile'], rows))

  // One of them is stopped after the first question and before the second.
  const between = await relay(url, async (query) => {
    if (/insert into bootpack_merge_\w+touch/i.test(query)) await cluster.servers.at(-1)!.stop()
  })
  const out = join(folder.path, 'stopped')
  mkdirSync(out)
  const profile = join(out, 'profile.trace')
  const child = spawn(process.execPath, [bootpack, ...words, profile, '--engine', 'clickhouse', '--url', between.url], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  await between.close()
  const tables = await server.rows("select name from system.tables where name like 'bootpack\\_merge%'")
  await server.close()
  const left = readdirSync(out)
  console.log(
    `One server stopped in the middle: exit ${status}, files left: ${left.length}, tables left: ${tables.length}`,
  )
  if (hashes[0] !== hashes[1] || status !== 1 || left.length + tables.length > 0) process.exitCode = 1
} finally {
  await cluster.close()
  folder.remove()
}
