/**
 * Where a boot loader takes kernel arguments from, as far as it can be told from the
 * files of a system. Only drop-ins are written, never a file that is somebody else's.
 */
import { marker } from './unit.js'
import type { PinnedRoot } from './pinned-root.js'

export interface BootLoader {
  readonly name: 'grub' | 'cmdline.d' | 'by-hand'
  /** The drop-in; undefined where the arguments have to be put in by hand. */
  readonly file?: string
  readonly contents?: (args: string) => string
  /** What makes the boot loader see it, and the file that shows that it did, in which `written` gives the arguments. */
  readonly refresh?: { readonly program: string; readonly shows: string; readonly written: (args: string) => string }
  /** What a person has to write, where it is not simply the arguments. */
  readonly byHand?: (args: string) => string
  /** Takes a `$` for a variable, and nothing helps. */
  readonly noDollar?: boolean
  /** For people: what is to be done. */
  readonly hint: string
}

/** Sorted last, because others in that folder may set the variable anew instead of adding to it. */
const grubFile = 'etc/default/grub.d/zz-bootpack.cfg'
const commandLineFile = 'etc/kernel/cmdline.d/zz-bootpack.conf'

export const dropIns: readonly string[] = [grubFile, commandLineFile]

/** As GRUB's own shell has to read it from grub.cfg, so that it is no variable to it. */
const forGrub = (args: string): string => args.replaceAll('$', '\\$')

/** As the shell that makes grub.cfg has to read that, between double quotes. */
const forGrubDefaults = (args: string): string => forGrub(args).replace(/[\\$]/g, '\\$&')

const grub: BootLoader = {
  name: 'grub',
  file: grubFile,
  contents: (args) => `${marker}\nGRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ${forGrubDefaults(args)}"\n`,
  refresh: { program: 'update-grub', shows: '/boot/grub/grub.cfg', written: forGrub },
  hint: 'update-grub',
}

const commandLine: BootLoader = {
  name: 'cmdline.d',
  file: commandLineFile,
  // One line: readers of this folder differ on comments, and none is needed to know it by.
  contents: (args) => `${args}\n`,
  hint: 'make the boot entries anew (clr-boot-manager update, kernel-install add-all, or what your system has for it)',
}

const byHand = (where: string, more: Partial<BootLoader> = {}): BootLoader => ({
  name: 'by-hand',
  hint: where,
  ...more,
})

/**
 * Debian's grub-mkconfig reads /etc/default/grub.d, that of others does not; some
 * systems collect arguments from /etc/kernel/cmdline.d.
 */
export function findBootLoader(root: PinnedRoot): BootLoader {
  const scripts = ['usr/sbin/grub-mkconfig', 'usr/bin/grub-mkconfig'].map((path) => root.glance(path))
  if (scripts.some((found) => found?.kind === 'file' && /\/default\/grub\.d\b/.test(found.text))) return grub
  if (root.has('etc/kernel/cmdline.d/.')) return commandLine
  if (root.has('usr/sbin/grubby') || root.has('usr/bin/grubby'))
    return byHand('grubby --update-kernel=ALL --args="…" adds them, --remove-args="…" takes them away', {
      noDollar: true,
    })
  if (root.has('etc/kernel/cmdline'))
    return byHand('add them to /etc/kernel/cmdline, then make the boot entries anew (kernel-install add-all)')
  if (root.has('boot/firmware/cmdline.txt')) return byHand('add them to the line in /boot/firmware/cmdline.txt')
  if (root.has('boot/cmdline.txt')) return byHand('add them to the line in /boot/cmdline.txt')
  if (root.has('etc/default/grub'))
    return byHand(
      'add them to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then make grub.cfg anew (grub-mkconfig)',
      { byHand: forGrubDefaults },
    )
  return byHand("add them to the kernel's command line where your boot loader keeps it")
}

/** systemd's init, where distributions have it. */
export const hasSystemd = (root: PinnedRoot): boolean =>
  root.has('usr/lib/systemd/systemd') || root.has('lib/systemd/systemd')
