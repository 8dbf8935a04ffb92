/**
 * Puts a sweep into a system, and takes it out again. Every file has the marker line;
 * what does not is somebody else's and stops the work before anything is written. An
 * error on the way takes back what was done before it.
 */
import { BootpackError, refused } from '../errors.js'
import type { Found, PinnedRoot } from '../collect/setup/pinned-root.js'
import {
  formFiles,
  formNames,
  listFile,
  listMode,
  mayBeOurs,
  type FormFile,
  type FormName,
  type Shipped,
} from '../preload/install-targets.js'
import { listText, type PreloadList } from '../preload/list-text.js'
import { foldersNote, marker } from '../preload/marker.js'

export interface PreloadToPut {
  readonly form: FormName
  readonly list: PreloadList
  readonly texts: Readonly<Record<Shipped, string>>
}

export interface PutPreload {
  /** From the root, without a leading slash; those that were right already are not among them. */
  readonly written: readonly string[]
  /** Files of another form that was there before. */
  readonly removed: readonly string[]
  /** Forms whose files were touched: each needs its initramfs made anew. */
  readonly changed: readonly FormName[]
}

const listAsFormFile: FormFile = { path: listFile, mode: listMode, source: 'preload.sh' }

interface Wanted {
  readonly path: string
  readonly mode: number
  readonly text?: string
  readonly link?: string
}

/** Forms of which a file of ours is there. */
export function formsPresent(root: PinnedRoot): FormName[] {
  return formNames.filter((name) => formFiles[name].some((file) => isOurs(file, root.glance(file.path))))
}

/** @throws refused when something of somebody else's is in the way; no-space, io; nothing has changed then */
export function putPreload(root: PinnedRoot, { form, list, texts }: PreloadToPut): PutPreload {
  const own = formFiles[form]
  const leaving = formNames
    .filter((name) => name !== form)
    .flatMap((name) => formFiles[name].map((file) => ({ name, file })))
    .filter(({ file }) => isOurs(file, root.glance(file.path)))
  const wanted: Wanted[] = [
    ...own.map(({ path, mode, source, link }) => ({
      path,
      mode,
      ...(source && { text: texts[source] }),
      ...(link !== undefined && { link }),
    })),
  ]
  for (const file of own) refuseForeign(root, file, root.find(file.path))
  const listThere = root.find(listFile)
  refuseForeign(root, listAsFormFile, listThere)

  for (const { path } of [listAsFormFile, ...own]) root.needRootOnly(path, 'root runs by itself what is put there')

  const undo: (() => void)[] = []
  const written: string[] = []
  const removed: string[] = []
  const changed = new Set<FormName>()
  const folders = new Set(listThere ? foldersNoted(listThere) : [])
  const put = ({ path, mode, text, link }: Wanted): void => {
    root.sweep(path)
    const before = root.find(path)
    if (before && (before.kind === 'link' ? before.target === link : before.text === text && before.mode === mode))
      return
    undo.push(() => putBack(root, path, before))
    if (link !== undefined) root.writeLink(path, link)
    else root.writeFile(path, text!, mode)
    written.push(path)
  }
  try {
    for (const path of [listFile, ...own.map((file) => file.path)]) {
      const made = root.makeFolders(path.slice(0, path.lastIndexOf('/')))
      undo.push(() => {
        for (const folder of made.reverse()) root.removeEmptyFolder(folder)
      })
      for (const folder of made) folders.add(folder)
    }
    const noted = folders.size === 0 ? list.notes : [...list.notes, `${foldersNote}${[...folders].sort().join(' ')}`]
    put({ path: listFile, mode: listMode, text: listText({ ...list, notes: noted }) })
    const before = written.length
    for (const each of wanted) put(each)
    if (written.length > before) changed.add(form)
    for (const { name, file } of leaving) {
      const there = root.find(file.path)
      undo.push(() => putBack(root, file.path, there))
      if (root.remove(file.path)) removed.push(file.path)
      changed.add(name)
    }
    return { written, removed, changed: [...changed] }
  } catch (error) {
    for (const step of undo.reverse()) step()
    throw error
  }
}

/**
 * Puts another list in the place of the one that is there; what reads it stays as it is.
 * @returns whether it was another one
 * @throws refused when there is none, or it is somebody else's; no-space, io
 */
export function putList(root: PinnedRoot, list: PreloadList): boolean {
  const there = root.find(listFile)
  if (!there)
    throw refused(
      'nothing-installed',
      'Nothing is installed there to be read in advance.',
      'Install it with `bootpack preload install`.',
    )
  refuseForeign(root, listAsFormFile, there)
  const folders = foldersNoted(there)
  const noted = folders.length === 0 ? list.notes : [...list.notes, `${foldersNote}${folders.join(' ')}`]
  const text = listText({ ...list, notes: noted })
  if (there.kind === 'file' && there.text === text) return false
  root.sweep(listFile)
  root.writeFile(listFile, text, listMode)
  return true
}

/**
 * @returns what was removed, folders included, and the forms it belonged to
 * @throws refused when one of the files is somebody else's; nothing has changed then
 */
export function takePreload(root: PinnedRoot): {
  readonly removed: readonly string[]
  readonly forms: readonly FormName[]
} {
  const all: FormFile[] = [...formNames.flatMap((name) => formFiles[name]), listAsFormFile]
  const forms = formsPresent(root)
  const list = root.glance(listFile)
  const folders = new Set(list ? foldersNoted(list) : [])
  const ours = all.filter((file) => {
    const found = root.glance(file.path)
    refuseForeign(root, file, found)
    return found !== undefined
  })
  if (ours.length > 0) folders.add('etc/bootpack')
  for (const { path } of ours) root.sweep(path)
  const removed = ours.map(({ path }) => path).filter((path) => root.remove(path))
  for (const folder of [...folders].filter(mayBeOurs).sort().reverse())
    if (root.removeEmptyFolder(folder)) removed.push(folder)
  return { removed, forms }
}

function foldersNoted(list: Found): string[] {
  if (list.kind !== 'file' || !hasMarker(list.text)) return []
  const line = list.text.split('\n').find((each) => each.startsWith(`# ${foldersNote}`))
  return (
    line
      ?.slice(foldersNote.length + 2)
      .split(' ')
      .filter(mayBeOurs) ?? []
  )
}

const hasMarker = (text: string): boolean => text.split('\n', 3).includes(marker)

const isOurs = (file: FormFile, found: Found | undefined): boolean =>
  found !== undefined &&
  (found.kind === 'link' ? file.link === found.target : file.link === undefined && hasMarker(found.text))

function refuseForeign(root: PinnedRoot, file: FormFile, found: Found | undefined): void {
  if (found === undefined || isOurs(file, found)) return
  throw refused(
    'not-ours',
    `${root.shown(file.path)} was not written by bootpack; it was left alone.`,
    'Look at what it is, and move it away.',
  )
}

function putBack(root: PinnedRoot, path: string, before: Found | undefined): void {
  try {
    if (before === undefined) root.remove(path)
    else if (before.kind === 'link') root.writeLink(path, before.target)
    else root.writeFile(path, before.text, before.mode)
  } catch (error) {
    // The error that led here is the one to be told; this one would hide it.
    process.stderr.write(
      `bootpack: ${root.shown(path)} could not be put back (${error instanceof BootpackError ? error.message : String(error)})\n`,
    )
  }
}
