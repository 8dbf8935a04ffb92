/**
 * A new image from an overlay over another: as the other is, as far as its format tells.
 * It is made by qemu-img convert, because guest order is not host order: written in place,
 * a packed run would lie in as many pieces of the file as its clusters happened to be in.
 */
import { execFile } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { BootpackError, ioError } from '../errors.js'
import { shellWord } from '../text/shell-word.js'
import { imageInfo, qemuError, type ImageInfo } from './image-info.js'
import { runTied } from './tied-process.js'

const run = promisify(execFile)

/** Share done, 0 to 1. */
type OnProgress = (share: number) => void

export interface CopyManner {
  /** Words of qemu-img convert. */
  readonly words: readonly string[]
  /** What the image calls what it stands on, where that is not its whole path: put in at the end, as it is true only in its place. */
  readonly backingName?: string
  /** What of the original the new one does not have, or has: full sentences. */
  readonly notes: readonly string[]
}

/** An overlay over an image: what is written goes there. @throws as qemuError tells */
export async function makeOverlay(info: ImageInfo, overlay: string): Promise<void> {
  const words = ['create', '-q', '-f', 'qcow2', '-o', 'compat=1.1', '-F', info.format, '-b', info.path, overlay]
  await run('qemu-img', words, { env: { ...process.env, LC_ALL: 'C' } }).catch((error: Error & { stderr?: string }) => {
    throw qemuError(info.path, error.stderr ?? error.message)
  })
}

/**
 * How the copy is made like the original.
 * @param to where it will be
 */
export async function mannerOf(info: ImageInfo, to: string): Promise<CopyManner> {
  const notes: string[] = []
  const options: string[] = []
  const words: string[] = []
  let renamed: string | undefined
  if (info.snapshots > 0)
    notes.push(`Its ${info.snapshots} internal snapshot${info.snapshots === 1 ? ' is' : 's are'} not in the new image.`)
  switch (info.format) {
    case 'qcow2':
      options.push(...qcow2Options(info))
      if (info.own['data-file'] !== undefined)
        notes.push('Its data, which were in a file of their own, are in the new image.')
      if (await isCompressed(info)) {
        words.push('-c')
        notes.push(`It is compressed, as the original is (${String(info.own['compression-type'] ?? 'zlib')}).`)
      }
      break
    case 'vmdk':
      options.push(`subformat=${vmdkSubformat(info, notes)}`)
      break
    case 'vpc':
      // Else the size would be rounded to whole cylinders.
      options.push('subformat=dynamic', 'force_size=on')
      break
    case 'vhdx':
    case 'vdi':
      notes.push('Its room is taken as it is needed, whether or not the original had all of it from the beginning.')
      break
  }
  if (info.backing) {
    const { name, path, format } = info.backing
    // A name beside the image goes on meaning the same where the new image is in the same folder.
    const kept = dirname(resolve(to)) === dirname(info.path) ? name : path
    words.push('-B', path, ...(format === undefined ? [] : ['-F', format]))
    if (kept !== path) renamed = kept
    notes.push(`It stands on ${shellWord(kept)}, as the original does.`)
  }
  if (options.length > 0) words.push('-o', options.join(','))
  return { words, notes, ...(renamed !== undefined && { backingName: renamed }) }
}

function qcow2Options({ own, clusterSize }: ImageInfo): string[] {
  const compat = String(own['compat'] ?? '1.1')
  return [
    `compat=${compat}`,
    ...(clusterSize === undefined ? [] : [`cluster_size=${clusterSize}`]),
    ...(compat === '0.10'
      ? []
      : [
          `refcount_bits=${Number(own['refcount-bits'] ?? 16)}`,
          `lazy_refcounts=${own['lazy-refcounts'] === true ? 'on' : 'off'}`,
          `compression_type=${own['compression-type'] === 'zstd' ? 'zstd' : 'zlib'}`,
          `extended_l2=${own['extended-l2'] === true ? 'on' : 'off'}`,
        ]),
  ]
}

/** Those of one file; the others are several, whose names are in the first. */
const oneFile: ReadonlySet<string> = new Set(['monolithicSparse', 'streamOptimized'])

function vmdkSubformat({ own }: ImageInfo, notes: string[]): string {
  const type = String(own['create-type'] ?? 'monolithicSparse')
  if (oneFile.has(type)) return type
  notes.push(`It is one file (monolithicSparse), where the original is several (${type}).`)
  return 'monolithicSparse'
}

/** Whether most of what it holds is compressed. */
async function isCompressed({ path, format }: ImageInfo): Promise<boolean> {
  const { stdout } = await run('qemu-img', ['check', '--output=json', '-U', '-f', format, path]).catch(
    (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  )
  if (stdout === '') return false
  const { 'compressed-clusters': compressed = 0, 'allocated-clusters': allocated = 0 } = JSON.parse(stdout) as Record<
    string,
    number
  >
  return compressed > allocated / 2
}

/** @throws interrupted by the signal; as qemuError tells */
async function withProgress(
  path: string,
  words: readonly string[],
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<void> {
  const work = runTied('qemu-img', words, (text) => {
    const shares = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)]
    if (shares.length > 0) onProgress(Number(shares.at(-1)![1]) / 100)
  })
  const stop = (): void => work.kill()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    const { status, said } = await work.ended
    if (signal.aborted)
      throw new BootpackError(
        'interrupted',
        'interrupted',
        `Interrupted; ${shellWord(path)} is as it was, and there is no new image.`,
      )
    if (status !== 0) throw qemuError(path, said)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Makes the new image, and compares every byte of the disk inside with the overlay's.
 * @param name of the original, for messages
 * @throws interrupted; io when they differ, or as qemuError tells
 */
export async function convertOverlay(
  { overlay, target, info }: { readonly overlay: string; readonly target: string; readonly info: ImageInfo },
  { words, backingName }: CopyManner,
  signal: AbortSignal,
  onStep: (step: string) => OnProgress,
): Promise<void> {
  const convert = ['convert', '-p', '-f', 'qcow2', '-O', info.format, ...words, overlay, target]
  await withProgress(info.path, convert, signal, onStep('Writing the new image'))
  const made = await imageInfo(target, info.format)
  if (made.size !== info.size)
    throw ioError(
      `The new image has ${made.size} bytes, where ${shellWord(info.path)} has ${info.size}; it was not kept.`,
    )
  const compare = ['compare', '-p', '-f', 'qcow2', '-F', info.format, overlay, target]
  await withProgress(info.path, compare, signal, onStep('Comparing it'))
  if (backingName === undefined) return
  const { format } = info.backing!
  const rename = ['rebase', '-u', '-f', info.format, '-b', backingName, ...(format === undefined ? [] : ['-F', format])]
  await withProgress(info.path, [...rename, target], signal, () => {})
}
