/** What of a sweep is installed on a volume, read through the volume: an image is not mounted for looking. */
import { formFiles, formNames, listFile, type FormName } from '../preload/install-targets.js'
import { mostListBytes } from '../preload/list-text.js'
import type { Volume } from '../volume/volume.js'

export interface InstalledPreload {
  readonly forms: readonly FormName[]
  /** Undefined when there is no list. */
  readonly list: string | undefined
}

export async function findInstalled(volume: Volume): Promise<InstalledPreload> {
  const forms: FormName[] = []
  for (const name of formNames) {
    const there = await Promise.all(formFiles[name].map(({ path }) => volume.lookup(`/${path}`)))
    if (there.every((found) => found?.file.type === 'regular')) forms.push(name)
  }
  return { forms, list: await readText(volume, `/${listFile}`) }
}

async function readText(volume: Volume, path: string): Promise<string | undefined> {
  const file = (await volume.lookup(path))?.file
  if (file?.type !== 'regular' || file.size > mostListBytes) return undefined
  const contents = await volume.capabilities.contents?.(file)
  if (!contents) return undefined
  const bytes = Buffer.alloc(file.size)
  for await (const { offset, bytes: piece } of contents.pieces())
    bytes.set(piece.subarray(0, Math.max(0, file.size - offset)), offset)
  return bytes.toString('latin1')
}
