/** The key that machines of a fleet are known by to those who have it. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { refused } from 'bootpack/engine'
import { escapePath } from 'bootpack/text'

/**
 * In the folder of the fleet, made when it is first needed. With servers it is the user's; without one,
 * machines of this run are known from nobody else's.
 * @throws refused when the file there is no key
 */
export async function machineKey(folder: string | undefined): Promise<Buffer> {
  if (folder === undefined) {
    const given = process.env['BOOTPACK_FLEET_KEY']
    return given === undefined ? randomBytes(32) : Buffer.from(given)
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'machine.key')
  const text = (await readIfThere(path)) ?? (await makeKey(path))
  const key = text.trim()
  if (!/^[0-9a-f]{64}$/.test(key))
    throw refused(
      'no-machine-key',
      `${escapePath(path)} holds no key.`,
      'Put it back from where it was kept, or take the file away to begin anew.',
    )
  return Buffer.from(key, 'hex')
}

const readIfThere = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })

/** Whole when it appears, and the first of several who make one at once decides. */
async function makeKey(path: string): Promise<string> {
  const aside = `${path}.${randomBytes(8).toString('hex')}`
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(32).toString('hex')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(aside, { force: true })
  }
  return await readFile(path, 'utf8')
}
