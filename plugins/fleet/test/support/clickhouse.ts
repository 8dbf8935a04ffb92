/** ClickHouse servers on loopback, from Debian's package, for one test. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TestServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Why there can be no server here; undefined where there can. */
export const noClickHouse = (): string | undefined =>
  spawnSync('clickhouse-server', ['--version']).error
    ? 'needs clickhouse-server (Debian package clickhouse-server)'
    : undefined

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

/** @returns servers of one cluster, `fleet`, a shard each */
export async function startCluster(shards: number): Promise<{ servers: TestServer[]; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-clickhouse-'))
  const ports: { http: number; tcp: number; interserver: number }[] = []
  for (let i = 0; i < shards; i++)
    ports.push({ http: await freePort(), tcp: await freePort(), interserver: await freePort() })
  const cluster = ports
    .map(({ tcp }) => `<shard><replica><host>127.0.0.1</host><port>${tcp}</port></replica></shard>`)
    .join('')
  const servers: TestServer[] = []
  const close = async (): Promise<void> => {
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const [i, port] of ports.entries()) servers.push(await start(join(folder, String(i)), port, cluster))
  } catch (error) {
    await close()
    throw error
  }
  return { servers, close }
}

async function start(
  folder: string,
  { http, tcp, interserver }: { http: number; tcp: number; interserver: number },
  cluster: string,
): Promise<TestServer> {
  for (const name of ['data', 'tmp', 'files', 'schemas']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(
    join(folder, 'config.xml'),
    `<yandex><logger><level>error</level><console>1</console></logger><listen_host>127.0.0.1</listen_host>
<http_port>${http}</http_port><tcp_port>${tcp}</tcp_port><interserver_http_port>${interserver}</interserver_http_port>
<path>${folder}/data/</path><tmp_path>${folder}/tmp/</tmp_path><user_files_path>${folder}/files/</user_files_path>
<format_schema_path>${folder}/schemas/</format_schema_path><mark_cache_size>16777216</mark_cache_size>
<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<remote_servers><fleet>${cluster}</fleet></remote_servers></yandex>`,
  )
  writeFileSync(
    join(folder, 'users.xml'),
    `<yandex><profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default></default></quotas></yandex>`,
  )
  const child = spawn('clickhouse-server', [`--config-file=${folder}/config.xml`], { cwd: folder, stdio: 'ignore' })
  const url = `http://127.0.0.1:${http}`
  for (let tries = 0; ; tries++) {
    const up = await fetch(`${url}/ping`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (up) return { url, pid: child.pid!, stop: () => stop(child) }
    if (tries > 300 || child.exitCode !== null) {
      await stop(child)
      throw new Error('clickhouse-server did not start')
    }
    await sleep(100)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}
