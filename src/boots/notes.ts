/** The files with the figures of boots: written whole, for root alone, and never more than a few hundred. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { privateFile, privateFolder } from '../collect/boot-traces.js'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { isBootId, parseFigures, type BootFigures } from './figures.js'

/** From the root, without a leading slash. */
export const boots = 'var/lib/bootpack/boots'

/** So many boots are kept: a year of them, on most machines. */
const most = 400

const fileOf = (bootId: string): string => `${boots}/${bootId}.json`

/** @throws refused when something of somebody else's is in the way; no-space, io */
export function writeNote(root: PinnedRoot, figures: BootFigures): void {
  root.makeFolders(boots, privateFolder)
  root.sweep(fileOf(figures.bootId))
  root.writeFile(fileOf(figures.bootId), `${JSON.stringify(figures)}\n`, privateFile)
  for (const { bootId } of readNotes(root).slice(0, -most)) root.remove(fileOf(bootId))
}

/** All that can be understood, the oldest first. @throws KernelError when the folder may not be read */
export function readNotes(root: PinnedRoot): BootFigures[] {
  if (!root.hasFolder(boots)) return []
  const notes = readdirSync(join(root.path, boots)).flatMap((name) => {
    if (!name.endsWith('.json') || !isBootId(name.slice(0, -5))) return []
    const found = root.glance(`${boots}/${name}`)
    return (found?.kind === 'file' && parseFigures(found.text)) || []
  })
  return notes.sort((a, b) => Date.parse(a.started) - Date.parse(b.started))
}

/** @returns absolute paths, the folder included when it is empty then */
export function removeNotes(root: PinnedRoot, bootIds: readonly string[]): string[] {
  if (!root.hasFolder(boots)) return []
  const removed = bootIds.filter((each) => isBootId(each) && root.remove(fileOf(each))).map(fileOf)
  if (root.removeEmptyFolder(boots)) removed.push(boots)
  return removed.map((path) => `/${path}`)
}
