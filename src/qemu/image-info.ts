/** What qemu-img says of an image, and of what it stands on. */
import { execFile } from 'node:child_process'
import { dirname, isAbsolute, resolve } from 'node:path'
import { promisify } from 'node:util'
import { refused, unsupported, ioError, type BootpackError } from '../errors.js'
import { shellWord } from '../text/shell-word.js'

const run = promisify(execFile)

export interface ImageInfo {
  readonly path: string
  /** QEMU's name of it: 'qcow2', 'vpc'. */
  readonly format: string
  /** Bytes of the disk inside. */
  readonly size: number
  readonly clusterSize: number | undefined
  /** As it is written in the image, and where that leads. */
  readonly backing: { readonly name: string; readonly path: string; readonly format: string | undefined } | undefined
  readonly snapshots: number
  readonly encrypted: boolean
  /** Of the format's own: compat, compression-type, create-type… */
  readonly own: Readonly<Record<string, unknown>>
}

/**
 * The image alone: what it stands on is not opened.
 * @param format by which its magic calls it, so that nothing is guessed from contents
 * @throws refused when another program has it, unsupported for what qemu-img does not take
 */
export async function imageInfo(path: string, format: string): Promise<ImageInfo> {
  const raw = await run('qemu-img', ['info', '--output=json', '-f', format, path], {
    env: { ...process.env, LC_ALL: 'C' },
  }).catch((error: Error & { stderr?: string }) => {
    throw qemuError(path, error.stderr ?? error.message)
  })
  const told = JSON.parse(raw.stdout) as Record<string, unknown>
  const name = told['backing-filename'] as string | undefined
  return {
    path,
    format,
    size: told['virtual-size'] as number,
    clusterSize: told['cluster-size'] as number | undefined,
    backing:
      name === undefined
        ? undefined
        : {
            name,
            path: isAbsolute(name) ? name : resolve(dirname(path), name),
            format: told['backing-filename-format'] as string | undefined,
          },
    snapshots: (told['snapshots'] as unknown[] | undefined)?.length ?? 0,
    encrypted: told['encrypted'] === true,
    own: ((told['format-specific'] as { data?: unknown } | undefined)?.data ?? {}) as Record<string, unknown>,
  }
}

/**
 * The same, and that all it stands on are files here: an image can name addresses of the network.
 * @throws unsupported when it is encrypted, or stands on something else; as imageInfo
 */
export async function usableImage(path: string, format: string): Promise<ImageInfo> {
  const info = await imageInfo(path, format)
  let image: ImageInfo | undefined = info
  for (let depth = 0; image; depth++) {
    if (image.encrypted)
      throw unsupported(
        'encrypted-image',
        `${shellWord(image.path)} is encrypted.`,
        'Decrypt it into another image with qemu-img convert first.',
      )
    const { backing }: ImageInfo = image
    if (!backing) break
    if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(backing.name) || depth > 100)
      throw unsupported(
        'remote-backing',
        `${shellWord(image.path)} stands on ${shellWord(backing.name)}, which is no file here.`,
        `Make an image that stands alone first: qemu-img convert -O ${format} ${shellWord(path)} whole.${format}`,
      )
    image =
      backing.format === undefined || backing.format === 'raw'
        ? undefined
        : await imageInfo(backing.path, backing.format)
  }
  return info
}

/** What QEMU's programs say, as ours. */
export function qemuError(path: string, said: string): BootpackError {
  const line =
    said
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^qemu-\w+: /, '') ?? ''
  if (/Failed to get (shared )?"\w+" lock|Is another process using/.test(said))
    return refused(
      'in-use',
      `${shellWord(path)} is in use by a virtual machine or another program of QEMU's.`,
      'Shut it down first.',
    )
  if (/No space left/i.test(said))
    return ioError(
      `There is no room for what is made from ${shellWord(path)}.`,
      Object.assign(new Error(line), { code: 'ENOSPC' }),
    )
  if (/No such file or directory/.test(said) || /Could not open backing file/.test(said))
    return refused(
      'no-backing',
      `${shellWord(path)} stands on a file that is not there: ${line}`,
      'Put it back where it was, or convert the image where it is.',
    )
  return ioError(`${shellWord(path)} cannot be used by QEMU's programs: ${line}`)
}
