/** The two things that change a system: `preload install` and `preload remove`. */
import { BootpackError } from '../errors.js'
import { chooseForm, type FormName } from '../preload/install-targets.js'
import type { PreloadList } from '../preload/list-text.js'
import { enterMountNamespace } from '../kernel/mount-namespace.js'
import { escapePath } from '../text/escape-path.js'
import { needEtcOnRoot, systemHas, withSystem, type PutPlace } from './preload-target.js'
import { putList, putPreload, takePreload } from './put-preload.js'
import { commandText, rebuildInitramfs } from './rebuild.js'
import { shippedTexts } from './shipped-texts.js'

interface Request {
  readonly target: string
  readonly partition: number | undefined
  /** Whether the initramfs is made anew; by default only that of this machine. */
  readonly rebuild: boolean | undefined
}

export interface InstallRequest extends Request {
  readonly form: FormName | 'auto'
  /** Seconds. */
  readonly timeLimit: number
  readonly list: PreloadList
}

interface Report {
  /** How the files were reached: the mount point, or a private mount of the image. */
  readonly through: 'mount' | 'private-mount'
  /** Paths in the system. */
  readonly removed: readonly string[]
  /** Forms whose initramfs was made anew. */
  readonly rebuilt: readonly FormName[]
  /** What is left for a person to do. */
  readonly todo: readonly string[]
}

export interface InstallReport extends Report {
  readonly form: FormName
  readonly written: readonly string[]
}

export type RemoveReport = Report

/** @throws as chooseForm, putPreload and withSystem do */
export function installPreload({
  target,
  partition,
  form: wanted,
  timeLimit,
  list,
  rebuild,
}: InstallRequest): Promise<InstallReport> {
  return withSystem(target, partition, (place) => {
    needEtcOnRoot(place)
    const form = chooseForm(wanted, systemHas(place.root))
    const { written, removed, changed } = putPreload(place.root, { form, list, texts: shippedTexts(timeLimit) })
    const { rebuilt, todo } = remake(place, target, changed, rebuild)
    return {
      through: place.image ? 'private-mount' : 'mount',
      form,
      written: written.map(absolute),
      removed: removed.map(absolute),
      rebuilt,
      todo,
    }
  })
}

/**
 * The list alone.
 * @returns whether it was another one
 * @throws as putList and withSystem do
 */
export function updatePreload({
  target,
  partition,
  list,
}: Omit<Request, 'rebuild'> & { readonly list: PreloadList }): Promise<boolean> {
  return withSystem(target, partition, ({ root }) => putList(root, list))
}

/** @throws as takePreload and withSystem do */
export function removePreload({ target, partition, rebuild }: Request): Promise<RemoveReport> {
  return withSystem(target, partition, (place) => {
    const { removed, forms } = takePreload(place.root)
    return {
      through: place.image ? 'private-mount' : 'mount',
      removed: removed.map(absolute),
      ...remake(place, target, forms, rebuild),
    }
  })
}

const absolute = (path: string): string => `/${path}`

function remake(
  place: PutPlace,
  target: string,
  forms: readonly FormName[],
  wanted: boolean | undefined,
): { rebuilt: FormName[]; todo: string[] } {
  const { mountPoint, image } = place
  const here = mountPoint === '/'
  const rebuilt: FormName[] = []
  const todo: string[] = []
  for (const form of forms) {
    if (commandText(form) === undefined) continue
    if (wanted ?? here) {
      if (!here && !image) enterMountNamespace()
      try {
        rebuildInitramfs(form, mountPoint)
        rebuilt.push(form)
      } catch (error) {
        // What is installed is right, and an old initramfs boots as ever.
        if (!(error instanceof BootpackError)) throw error
        todo.push(
          `The files are as they should be, but the initramfs could not be made anew: ${error.message} Then: ${commandText(form, image ? '/' : mountPoint)}`,
        )
      }
    } else {
      const where = here ? '' : image ? ` in the system of ${escapePath(target)}` : ''
      todo.push(
        `Then make the initramfs anew${where}: ${commandText(form, image ? '/' : mountPoint)}${here ? '' : ' (or run this again with --rebuild)'}`,
      )
    }
  }
  return { rebuilt, todo }
}
