/**
 * What carries the sweep into a boot. Each form is a handful of files; the list of what to
 * read is the same file for all of them, on the root filesystem, so that packing again
 * changes a file and no initramfs.
 */
import { BootpackError } from '../errors.js'

export const formNames = ['initramfs-tools', 'dracut', 'systemd'] as const
export type FormName = (typeof formNames)[number]

/** From the root of the system, without a slash in front. */
export const listFile = 'etc/bootpack/preload.list'

/** It names what a boot reads, files of users among it; only root reads it. */
export const listMode = 0o600

/** What is shipped with bootpack, below share/preload. */
export const shipped = [
  'preload.sh',
  'initramfs-hook',
  'dracut-module-setup.sh',
  'dracut-hook.sh',
  'bootpack-preload.service',
] as const
export type Shipped = (typeof shipped)[number]

export interface FormFile {
  /** From the root of the system, without a slash in front. */
  readonly path: string
  readonly mode: number
  readonly source?: Shipped
  /** A symbolic link instead. */
  readonly link?: string
}

const dracutModule = 'usr/lib/dracut/modules.d/89bootpack-preload'
const unit = 'etc/systemd/system/bootpack-preload.service'

export const formFiles: Readonly<Record<FormName, readonly FormFile[]>> = {
  'initramfs-tools': [
    { path: 'etc/initramfs-tools/hooks/bootpack-preload', mode: 0o755, source: 'initramfs-hook' },
    { path: 'etc/initramfs-tools/scripts/local-bottom/bootpack-preload', mode: 0o755, source: 'preload.sh' },
  ],
  dracut: [
    { path: `${dracutModule}/preload.sh`, mode: 0o755, source: 'preload.sh' },
    { path: `${dracutModule}/preload-hook.sh`, mode: 0o755, source: 'dracut-hook.sh' },
    { path: `${dracutModule}/module-setup.sh`, mode: 0o755, source: 'dracut-module-setup.sh' },
  ],
  systemd: [
    { path: 'etc/bootpack/preload.sh', mode: 0o755, source: 'preload.sh' },
    { path: unit, mode: 0o644, source: 'bootpack-preload.service' },
    {
      path: 'etc/systemd/system/sysinit.target.wants/bootpack-preload.service',
      mode: 0o777,
      link: '../bootpack-preload.service',
    },
  ],
}

/** Folders that may be made for our files, and only they are ever removed again. */
export const mayBeOurs = (folder: string): boolean =>
  folder !== 'etc' &&
  folder !== 'usr' &&
  folder !== 'usr/lib' &&
  [
    listFile,
    ...Object.values(formFiles)
      .flat()
      .map(({ path }) => path),
  ].some((path) => path.startsWith(`${folder}/`))

/** Makes the initramfs anew, in the system itself. */
export const rebuildCommands: Readonly<Partial<Record<FormName, readonly string[]>>> = {
  'initramfs-tools': ['update-initramfs', '-u', '-k', 'all'],
  dracut: ['dracut', '--force', '--regenerate-all'],
}

/**
 * A shipped text as it goes into a system.
 * @param timeLimit seconds a sweep may take
 */
export function filledIn(text: string, timeLimit: number): string {
  if (!Number.isInteger(timeLimit) || timeLimit < 1 || timeLimit > 600)
    throw new RangeError(`no time limit: ${timeLimit}`)
  return text.replaceAll('@LIMIT@', String(timeLimit)).replaceAll('@TIMEOUT@', String(timeLimit + 5))
}

/** What a system has that could carry a sweep. */
export interface SystemHas {
  readonly initramfsTools: boolean
  readonly dracut: boolean
  readonly systemd: boolean
}

/**
 * The strongest form the system has, or the one that was asked for.
 * @throws unsupported when there is none
 */
export function chooseForm(wanted: FormName | 'auto', has: SystemHas): FormName {
  const possible: Record<FormName, boolean> = {
    'initramfs-tools': has.initramfsTools,
    dracut: has.dracut,
    systemd: has.systemd,
  }
  const chosen = wanted === 'auto' ? formNames.find((name) => possible[name]) : possible[wanted] ? wanted : undefined
  if (chosen) return chosen
  if (wanted === 'auto') {
    throw new BootpackError(
      'unsupported',
      'no-form',
      'This system has neither initramfs-tools nor dracut nor systemd: nothing there could run the sweep.',
      { next: 'Install one of them there.' },
    )
  }
  const others = formNames.filter((name) => possible[name])
  throw new BootpackError('unsupported', 'no-form', `This system has no ${wanted}.`, {
    next:
      others.length === 0
        ? 'Install it, or choose another form.'
        : `It has ${others.join(' and ')}: choose with --form, or leave it out.`,
  })
}
