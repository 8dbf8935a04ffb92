/** What the kernel is told: where its root is, and to speak on the serial console. */

export interface RootDisk {
  /** Of the root filesystem. */
  readonly uuid: string
  /** Partition of the root filesystem; 0 when it is the whole disk. */
  readonly partition: number
  readonly initrd: boolean
}

/**
 * Arguments given by the user come last and count more: a root= among them keeps
 * ours out.
 */
export function kernelCommandLine(root: RootDisk, more: readonly string[]): string {
  const given = more.join(' ').trim()
  const words = given.split(/\s+/)
  // Only an initial ramdisk knows UUIDs.
  const device = root.initrd ? `UUID=${root.uuid}` : `/dev/vda${root.partition === 0 ? '' : root.partition}`
  return [
    ...(words.some((word) => word.startsWith('root=')) ? [] : [`root=${device}`, 'ro']),
    'console=ttyS0',
    // A kernel that gives up restarts, which ends the machine, so nobody waits for it.
    'panic=-1',
    // Kernel messages are slow over a serial line; what systemd has reached is what one waits for.
    'quiet',
    'systemd.show_status=1',
    ...(given === '' ? [] : [given]),
  ].join(' ')
}
