/**
 * The processes that have an image or device open, as far as they may be looked at: by
 * a descriptor or by a writable shared mapping, which outlives its descriptor. A process
 * of another user is invisible to anyone but root, one outside a container to everyone
 * in it, and one on another machine to everyone.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, deviceNumber, isIdentity, names, statOf, type FileIdentity, type Identity } from './block-devices.js'

export interface Opener {
  readonly process: number
  /** As in ps, or empty. */
  readonly command: string
  /** Number of the user. */
  readonly user: number
  /** Open for writing, or mapped so that what is written in memory reaches it. */
  readonly writes: boolean
  /** Holds a byte-range lock of the kind that takes a descriptor open for writing. */
  readonly locks: boolean
}

/** Number of the first process namespace, in every kernel (PROC_PID_INIT_INO). */
const firstNamespace = 'pid:[4026531836]'

/** Whether no process escapes {@link openersOf}: as root, and not in a container. */
export const seesEverybody = (): boolean =>
  process.geteuid?.() === 0 && attempt(() => readlinkSync('/proc/self/ns/pid')) === firstNamespace

/** @returns processes other than this, in no particular order */
export function openersOf(identity: Identity): Opener[] {
  const found: Opener[] = []
  for (const name of names('/proc')) {
    const process_ = Number(name)
    if (!Number.isInteger(process_) || process_ === process.pid) continue
    const folder = join('/proc', name)
    const ways = [...descriptors(folder, identity)]
    if (identity.kind === 'file') ways.push(...mappings(folder, identity))
    if (ways.length === 0) continue
    found.push({
      process: process_,
      command: (attempt(() => readFileSync(join(folder, 'comm'), 'utf8')) ?? '').trim(),
      user: Number(statOf(folder)?.uid ?? -1n),
      writes: ways.some(({ writes }) => writes),
      locks: ways.some(({ locks }) => locks),
    })
  }
  return found
}

type Way = Pick<Opener, 'writes' | 'locks'>

function* descriptors(folder: string, identity: Identity): Generator<Way> {
  for (const descriptor of names(join(folder, 'fd'))) {
    const link = join(folder, 'fd', descriptor)
    // Sockets and pipes need no further look; device nodes cannot be a file.
    const leadsTo = attempt(() => readlinkSync(link))
    if (leadsTo?.startsWith('/') !== true) continue
    if (identity.kind === 'file' && leadsTo.startsWith('/dev/') && !leadsTo.startsWith('/dev/shm/')) continue
    const info = attempt(() => readFileSync(join(folder, 'fdinfo', descriptor), 'latin1')) ?? ''
    // Kernels from 5.14 on tell the inode, which spares a stat that might hang.
    const inode = /^ino:\s*(\d+)$/m.exec(info)?.[1]
    if (identity.kind === 'file' && inode !== undefined && BigInt(inode) !== identity.inode) continue
    const stats = statOf(link)
    if (!stats || !isIdentity(stats, identity)) continue
    const accessMode = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 3
    yield { writes: accessMode !== 0, locks: /^lock:\s+\d+: (?:POSIX|OFDLCK)\s+\S+\s+WRITE/m.test(info) }
  }
}

function* mappings(folder: string, identity: FileIdentity): Generator<Way> {
  const maps = attempt(() => readFileSync(join(folder, 'maps'), 'latin1')) ?? ''
  if (!maps.includes(` ${identity.inode} `)) return
  for (const { range, device, inode, path } of parseSharedMappings(maps)) {
    if (inode !== identity.inode) continue
    // The link leads to the very file, but is root's to follow; the path may lead elsewhere by now.
    const stats = statOf(join(folder, 'map_files', range)) ?? statOf(path)
    const same = stats ? isIdentity(stats, identity) : device === deviceNumber(identity.device)
    if (same) yield { writes: true, locks: false }
  }
}

export interface SharedMapping {
  readonly range: string
  /** 'major:minor' of the filesystem, which stat gives otherwise on some (btrfs). */
  readonly device: string
  readonly inode: bigint
  readonly path: string
}

/** The writable shared mappings of /proc/PID/maps (proc(5)): what is written to them reaches the file. */
export function parseSharedMappings(text: string): SharedMapping[] {
  const mappings: SharedMapping[] = []
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]+-[0-9a-f]+) .w.s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) +(.*)$/.exec(line)
    if (!match) continue
    const [, range, major, minor, inode, path] = match
    mappings.push({
      // The folder map_files has no leading zeros.
      range: range!.replace(/(^|-)0+(?=[0-9a-f])/g, '$1'),
      device: `${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}`,
      inode: BigInt(inode!),
      path: path!,
    })
  }
  return mappings
}
