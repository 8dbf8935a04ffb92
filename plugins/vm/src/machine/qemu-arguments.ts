/** How QEMU is told what machine to be. */

export type AcceleratorName = 'kvm' | 'tcg'

export interface MachineOptions {
  readonly accelerator: AcceleratorName
  readonly cpus: number
  /** MiB. */
  readonly memory: number
  /** A network card whose network reaches nobody. */
  readonly network: boolean
  readonly kernel: string
  readonly initrd: string | undefined
  readonly commandLine: string
  /** Unix socket of the NBD server the disk is at; without it the machine has none. */
  readonly diskSocket: string | undefined
  /** Unix socket the second serial port reports to; without it the machine has one port. */
  readonly portSocket: string | undefined
}

export const qemuCommand = 'qemu-system-x86_64'

export function qemuArguments(options: MachineOptions): string[] {
  const disk = { driver: 'nbd', 'node-name': 'disk', server: { type: 'unix', path: options.diskSocket } }
  return [
    '-machine',
    'q35',
    '-accel',
    options.accelerator,
    '-cpu',
    'max',
    '-smp',
    String(options.cpus),
    '-m',
    String(options.memory),
    '-nodefaults',
    '-no-user-config',
    '-no-reboot',
    '-display',
    'none',
    '-serial',
    'stdio',
    // A comma in a value is doubled.
    ...(options.portSocket === undefined
      ? []
      : ['-chardev', `socket,id=port,path=${options.portSocket.replaceAll(',', ',,')}`, '-serial', 'chardev:port']),
    ...(options.network ? ['-nic', 'user,model=virtio-net-pci,restrict=on'] : ['-nic', 'none']),
    // Without it a boot may wait for randomness.
    '-object',
    'rng-random,filename=/dev/urandom,id=random',
    '-device',
    'virtio-rng-pci,rng=random',
    ...(options.diskSocket === undefined
      ? []
      : ['-blockdev', JSON.stringify(disk), '-device', 'virtio-blk-pci,drive=disk']),
    '-kernel',
    options.kernel,
    ...(options.initrd === undefined ? [] : ['-initrd', options.initrd]),
    '-append',
    options.commandLine,
  ]
}
