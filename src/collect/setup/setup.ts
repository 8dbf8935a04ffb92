/**
 * Prepares a system so that its next boot is recorded, and undoes that: a drop-in with
 * kernel arguments for the boot loader, a unit that writes the recording down, and the
 * link that enables it. The same for keeping a boot packed: a service, its timer, and
 * the link. Doing it twice changes nothing; an error on the way takes back
 * what was done before it.
 */
import { BootpackError, refused, unsupported } from '../../errors.js'
import { dropIns, findBootLoader, hasSystemd, type BootLoader } from './boot-loader.js'
import type { Found, PinnedRoot } from './pinned-root.js'
import { keepServiceName, keepServiceText, keepTimerName, keepTimerText, type KeepJob } from './keep-units.js'
import { foldersMadeFor, marker, unitName, unitText } from './unit.js'

const unitFolder = 'etc/systemd/system'
const unitFile = `${unitFolder}/${unitName}`
const wantsFolder = `${unitFolder}/multi-user.target.wants`
const linkFile = `${wantsFolder}/${unitName}`

const keepService = `${unitFolder}/${keepServiceName}`
const keepTimer = `${unitFolder}/${keepTimerName}`
const timersFolder = `${unitFolder}/timers.target.wants`
const keepLink = `${timersFolder}/${keepTimerName}`

/** Where our links lead, and the units they are for. */
const links: Readonly<Record<string, string>> = { [linkFile]: unitName, [keepLink]: keepTimerName }

export interface SetupOptions {
  /** Kernel arguments. */
  readonly args: string
  /** Words that start bootpack on that system. */
  readonly program: readonly string[]
}

export interface SetupFile {
  /** From the root, without a leading slash. */
  readonly path: string
  readonly contents?: string
  readonly link?: string
  readonly state: 'missing' | 'present' | 'different'
}

export interface Setup {
  readonly loader: BootLoader
  /** Without it nobody runs the unit, and none is written. */
  readonly systemd: boolean
  readonly files: readonly SetupFile[]
}

/** Makes the boot loader see a changed drop-in. @throws when it did not work */
export type Refresh = (loader: BootLoader, changed: boolean) => void

/**
 * What there is to be done.
 * @throws refused when something else stands in the place of one of our files
 */
export function planSetup(root: PinnedRoot, { args, program }: SetupOptions): Setup {
  const loader = findBootLoader(root)
  const folders = foldersToMake(root, unitFile, [unitFolder, wantsFolder, 'etc/systemd'])
  if (loader.name === 'grub' && !root.hasFolder('etc/default/grub.d')) folders.add('etc/default/grub.d')
  const systemd = hasSystemd(root)
  const files: SetupFile[] = [
    ...(systemd ? [fileState(root, unitFile, unitText(program, [...folders].sort())), linkState(root, linkFile)] : []),
    ...(loader.file === undefined ? [] : [fileState(root, loader.file, loader.contents!(args))]),
  ]
  return { loader, systemd, files }
}

/**
 * What there is to be done to keep a packed boot packed.
 * @throws unsupported without systemd, and as planSetup
 */
export function planKeeping(root: PinnedRoot, job: KeepJob): Setup {
  if (!hasSystemd(root)) {
    throw unsupported(
      'no-systemd',
      'There is no systemd here to run a timer.',
      'Run `bootpack pack TARGET --drifted` from what does such work here, cron for one.',
    )
  }
  const folders = foldersToMake(root, keepService, [unitFolder, timersFolder, 'etc/systemd'])
  return {
    loader: noLoader,
    systemd: true,
    files: [
      fileState(root, keepService, keepServiceText(job, [...folders].sort())),
      fileState(root, keepTimer, keepTimerText()),
      linkState(root, keepLink),
    ],
  }
}

/** Keeping a boot packed is none of the boot loader's business. */
const noLoader: BootLoader = { name: 'by-hand', hint: '' }

/** Folders that are missing, and those that a unit of ours says were. */
function foldersToMake(root: PinnedRoot, unit: string, wanted: readonly string[]): Set<string> {
  const before = root.find(unit)
  const folders = new Set(before?.kind === 'file' ? foldersMadeFor(before.text) : [])
  for (const folder of wanted) if (!root.hasFolder(folder)) folders.add(folder)
  return folders
}

/**
 * Does it.
 * @returns the paths that were written
 * @throws what `refresh` throws, and refused, no-space, io; nothing has changed then
 */
export function applySetup(root: PinnedRoot, { loader, files }: Setup, refresh: Refresh): string[] {
  const undo: (() => void)[] = []
  const written: string[] = []
  for (const { path } of files) root.needRootOnly(path, 'root runs by itself what is put there')
  try {
    for (const { path, contents, link, state } of files) {
      root.sweep(path)
      if (state === 'present') continue
      const made = root.makeFolders(path.slice(0, path.lastIndexOf('/')))
      undo.push(() => {
        for (const folder of made.reverse()) root.removeEmptyFolder(folder)
      })
      const before = root.find(path)
      undo.push(() => putBack(root, path, before))
      if (link !== undefined) root.writeLink(path, link)
      else root.writeFile(path, contents!)
      written.push(path)
    }
    // Also when nothing was written: the run that wrote it may have been killed before this.
    refresh(loader, written.length > 0)
    return written
  } catch (error) {
    for (const step of undo.reverse()) step()
    throw error
  }
}

export interface Removal {
  /** What makes boots be recorded. */
  readonly recording: boolean
  /** What keeps a boot packed. */
  readonly keeping: boolean
}

/**
 * Takes everything away again, or one of the two.
 * @returns the paths that were removed, folders included, and the boot loader they were for
 * @throws refused when one of the files is somebody else's; nothing has changed then
 */
export function removeSetup(
  root: PinnedRoot,
  refresh: Refresh,
  { recording, keeping }: Removal = { recording: true, keeping: true },
): { removed: string[]; loader: BootLoader } {
  const loader = recording ? findBootLoader(root) : noLoader
  // Where a link leads elsewhere, nothing of ours can be.
  const units = [...(recording ? [unitFile] : []), ...(keeping ? [keepService] : [])].map((path) => root.glance(path))
  const folders = new Set(units.flatMap((unit) => (unit?.kind === 'file' ? foldersMadeFor(unit.text) : [])))
  const candidates = [
    ...(recording ? [linkFile, ...dropIns, unitFile] : []),
    ...(keeping ? [keepLink, keepTimer, keepService] : []),
  ]
  const ours = candidates.filter((path) => {
    const found = root.glance(path)
    if (found) refuseForeign(root, path, found)
    return found !== undefined
  })
  for (const path of ours) root.sweep(path)
  const removed = ours.filter((path) => root.remove(path))
  for (const folder of [...folders].sort().reverse()) if (root.removeEmptyFolder(folder)) removed.push(folder)
  refresh(loader, removed.length > 0)
  return { removed, loader }
}

function fileState(root: PinnedRoot, path: string, contents: string): SetupFile {
  const found = root.find(path)
  if (found) refuseForeign(root, path, found)
  const same = found?.kind === 'file' && found.text === contents && found.mode === 0o644
  return { path, contents, state: found ? (same ? 'present' : 'different') : 'missing' }
}

function linkState(root: PinnedRoot, path: string): SetupFile {
  const found = root.find(path)
  if (found) refuseForeign(root, path, found)
  const link = `../${links[path]!}`
  const same = found?.kind === 'link' && found.target === link
  return { path, link, state: found ? (same ? 'present' : 'different') : 'missing' }
}

/** Our files begin with the marker or hold nothing but our arguments; our link leads to our unit, however written. */
function refuseForeign(root: PinnedRoot, path: string, found: Found): void {
  const unit = links[path]
  const ours =
    unit !== undefined
      ? found.kind === 'link' && (found.target === `../${unit}` || found.target === `/${unitFolder}/${unit}`)
      : found.kind === 'file' &&
        (found.text.startsWith(marker) ||
          /^trace_event=filemap:\S+ trace_buf_size=\d+M trace_options=nooverwrite(?: kprobe_event=p:iget,\S+)?\n$/.test(
            found.text,
          ))
  if (ours) return
  throw refused(
    'not-ours',
    `${root.shown(path)} was not written by bootpack; it was left alone.`,
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
