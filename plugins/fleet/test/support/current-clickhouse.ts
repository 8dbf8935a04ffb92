/**
 * A current ClickHouse for one test: the npm package chdb is the whole of it, embedded, and
 * what is here gives it ClickHouse's HTTP interface, so that the client that talks to
 * servers talks to it unchanged. It is half a gigabyte, and nobody who uses or builds
 * bootpack needs it; so no package.json names it. CI installs it, and who wants these tests
 * elsewhere does what the sentence says.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Session {
  query(sql: string): string
  cleanup(): void
}

/** A name, so that nobody takes it for a dependency. */
const chdb = 'chdb'

/** Where it is found besides here: a folder that has it in its node_modules. */
const elsewhere = process.env['BOOTPACK_TEST_CHDB']

function load(): { Session: new (path: string) => Session } | undefined {
  const require = createRequire(elsewhere === undefined ? import.meta.url : join(elsewhere, 'here.js'))
  try {
    return require(chdb) as { Session: new (path: string) => Session }
  } catch {
    return undefined
  }
}

/** Why there is none here; undefined where there is. */
export const noCurrentClickHouse = (): string | undefined =>
  load() ? undefined : 'needs a current ClickHouse: npm install --no-save chdb@3.4.0 (546 MB)'

export async function startCurrentClickHouse(): Promise<{ url: string; close(): Promise<void> }> {
  const { Session } = load()!
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-chdb-'))
  const session = new Session(join(folder, 'data'))
  const server = createServer((request, response) => {
    void answer(session, request).then(
      (text) => response.end(text),
      (error: Error) => {
        response.statusCode = 500
        response.end(error.message)
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await new Promise((resolve) => server.close(resolve))
      session.cleanup()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settings come in the address, the query there or in the body, and rows to insert in the body after it. */
async function answer(session: Session, request: IncomingMessage): Promise<string> {
  const { searchParams } = new URL(request.url!, 'http://localhost')
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const body = Buffer.concat(pieces).toString()
  const query = searchParams.get('query')
  for (const [name, value] of searchParams)
    if (/^[a-z]\w*_\w+$/.test(name) && name !== 'query_id' && name !== 'session_id')
      session.query(`set ${name} = ${/^\d+$/.test(value) ? value : `'${value}'`}`)
  return session.query(query === null ? body : `${query}\n${body}`)
}
