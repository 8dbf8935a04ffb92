/**
 * The kernel and the initial ramdisk of an image, found by the names distributions
 * give them. Which one a boot loader would take is written in its own language; the
 * links Debian keeps for it, else the newest version, come close enough, and flags
 * settle the rest.
 */
import { usageError } from 'bootpack/engine'

/** What is looked through: an image, or in a test a list. */
export interface NamedFiles {
  names(directory: string): Promise<readonly string[]>
  /** Where a path leads, links followed; undefined when there is no file. */
  find(path: string): Promise<string | undefined>
}

export interface BootFiles {
  readonly kernel: string
  /** Undefined when the kernel has to do without. */
  readonly initrd: string | undefined
}

/** @throws usage when there is no kernel */
export async function findBootFiles(files: NamedFiles): Promise<BootFiles> {
  const kernel = await findKernel(files)
  if (kernel === undefined) {
    throw usageError(
      'no-kernel',
      'No kernel is in the image: neither /vmlinuz nor /boot/vmlinuz or /boot/vmlinuz-VERSION.',
      'It may be on a partition of its own. Give it with --kernel FILE, and its initial ramdisk with --initrd FILE.',
    )
  }
  return { kernel, initrd: await firstFound(files, initrdNames(kernel)) }
}

async function findKernel(files: NamedFiles): Promise<string | undefined> {
  const linked = await firstFound(files, ['/vmlinuz', '/boot/vmlinuz'])
  if (linked !== undefined) return linked
  const versions = (await files.names('/boot'))
    .filter((name) => /^vmlinuz-/.test(name) && !/\.(old|bak|dpkg-\w+|rpm\w+)$/.test(name))
    // A rescue kernel is what one boots when the newest does not.
    .sort((a, b) => Number(a.includes('rescue')) - Number(b.includes('rescue')) || compareVersions(b, a))
  return firstFound(
    files,
    versions.map((name) => `/boot/${name}`),
  )
}

/** Debian, Fedora, SUSE, Alpine and Arch, in this order. */
function initrdNames(kernel: string): string[] {
  const version = /\/vmlinuz-([^/]+)$/.exec(kernel)?.[1]
  const folder = kernel.slice(0, kernel.lastIndexOf('/'))
  if (version === undefined) return ['/initrd.img', '/boot/initrd.img', '/boot/initramfs.img', '/boot/initrd']
  return [`initrd.img-${version}`, `initramfs-${version}.img`, `initrd-${version}`, `initramfs-${version}`].map(
    (name) => `${folder}/${name}`,
  )
}

async function firstFound(files: NamedFiles, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await files.find(path)
    if (found !== undefined) return found
  }
  return undefined
}

/** Numbers in the names count as numbers: 6.1.9 comes before 6.1.10. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? []
  const right = b.match(/\d+|\D+/g) ?? []
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const one = left[i] ?? ''
    const other = right[i] ?? ''
    const difference =
      /^\d/.test(one) && /^\d/.test(other) ? Number(one) - Number(other) : one < other ? -1 : one > other ? 1 : 0
    if (difference !== 0) return difference
  }
  return 0
}

/** Of an x86 kernel as boot loaders take it: HdrS in its setup header (Documentation/arch/x86/boot.rst). */
export const isX86Kernel = (contents: Uint8Array): boolean =>
  contents.length > 0x206 && Buffer.from(contents.buffer, contents.byteOffset + 0x202, 4).toString('latin1') === 'HdrS'
