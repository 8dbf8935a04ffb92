/**
 * The files an order consists of: itself and what it needs in the state folder, and the
 * unit, with the link that enables it. Nothing else is changed by giving one.
 */
import { refused } from '../errors.js'
import { privateFile, privateFolder } from '../collect/boot-traces.js'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import type { Order } from './order.js'
import { names, stateFolder } from './places.js'
import { marker, unitName } from './unit.js'

const unitFolder = 'etc/systemd/system'
const unitFile = `${unitFolder}/${unitName}`
const wantsFolder = `${unitFolder}/sysinit.target.wants`
const linkFile = `${wantsFolder}/${unitName}`
const linkTarget = `../${unitName}`
const state = stateFolder.slice(1)

/** Folders that may be made for them, innermost last. */
const privateFolders = ['var/lib/bootpack', state]
const foldersOfOurs = [unitFolder, wantsFolder, ...privateFolders]

export interface OrderFiles {
  readonly order: Order
  /** Contents by name. */
  readonly inputs: ReadonlyMap<string, Uint8Array>
  readonly unit: string
}

/**
 * Puts them in place, the order last: without it the unit does nothing. An error takes
 * back what was put.
 * @returns absolute paths
 * @throws refused when something of somebody else's is in the way; no-space, io
 */
export function putOrder(root: PinnedRoot, { order, inputs, unit }: OrderFiles): string[] {
  refuseForeign(root)
  for (const path of [unitFile, linkFile, `${state}/${names.order}`])
    root.needRootOnly(path, 'root does by itself what is put there')
  const put: string[] = []
  const made: string[] = []
  const write = (path: string, contents: string | Uint8Array, mode?: number): void => {
    root.sweep(path)
    put.push(path)
    root.writeFile(path, contents, mode)
  }
  try {
    for (const folder of foldersOfOurs)
      made.push(...root.makeFolders(folder, privateFolders.includes(folder) ? privateFolder : undefined))
    for (const [name, contents] of inputs) write(`${state}/${name}`, contents, privateFile)
    write(unitFile, unit)
    put.push(linkFile)
    root.writeLink(linkFile, linkTarget)
    write(
      `${state}/${names.order}`,
      orderText({ ...order, folders: [...new Set([...order.folders, ...made])] }),
      privateFile,
    )
  } catch (error) {
    for (const path of put.reverse()) root.remove(path)
    for (const folder of made.reverse()) root.removeEmptyFolder(folder)
    throw error
  }
  return put.map((path) => `/${path}`)
}

export const orderText = (order: Order): string => `${JSON.stringify(order, null, 2)}\n`

/** Replaces the order itself, after an attempt. */
export function rewriteOrder(root: PinnedRoot, order: Order): void {
  root.writeFile(`${state}/${names.order}`, orderText(order), privateFile)
}

/** Takes the order itself away, which the unit waits for. */
export const dropOrder = (root: PinnedRoot): boolean => root.remove(`${state}/${names.order}`)

/**
 * Takes all of it away, the order first; what became of it stays.
 * @param order undefined when it cannot be read: then its inputs are not known, and stay
 * @returns absolute paths
 */
export function takeOrder(root: PinnedRoot, order: Order | undefined): string[] {
  const unit = root.glance(unitFile)
  const ours = [
    `${state}/${names.order}`,
    ...(order?.inputs ?? []).map((name) => `${state}/${name}`),
    ...(isOurLink(root) ? [linkFile] : []),
    ...(unit?.kind === 'file' && unit.text.startsWith(marker) ? [unitFile] : []),
  ]
  const removed = ours.filter((path) => root.remove(path))
  for (const path of ours) if (root.hasFolder(path.slice(0, path.lastIndexOf('/')))) root.sweep(path)
  for (const folder of foldersOfOurs.filter((each) => order?.folders.includes(each)).reverse())
    if (root.removeEmptyFolder(folder)) removed.push(folder)
  return removed.map((path) => `/${path}`)
}

/** Takes away what became of earlier orders, too, and the folder. */
export function takeOutcomes(root: PinnedRoot): string[] {
  const removed = [names.outcome, names.log].map((name) => `${state}/${name}`).filter((path) => root.remove(path))
  if (root.removeEmptyFolder(state)) removed.push(state)
  return removed.map((path) => `/${path}`)
}

function isOurLink(root: PinnedRoot): boolean {
  const link = root.glance(linkFile)
  return link?.kind === 'link' && (link.target === linkTarget || link.target === `/${unitFile}`)
}

function refuseForeign(root: PinnedRoot): void {
  const unit = root.find(unitFile)
  const foreign =
    unit && !(unit.kind === 'file' && unit.text.startsWith(marker))
      ? unitFile
      : root.find(linkFile) && !isOurLink(root)
        ? linkFile
        : undefined
  if (foreign === undefined) return
  throw refused(
    'not-ours',
    `${root.shown(foreign)} was not written by bootpack; it was left alone.`,
    'Look at what it is, and move it away.',
  )
}
