/** What `vm boot` and `vm compare` share. */
import { Errors, Flags } from '@oclif/core'
import { diskNames } from '../disk/disk-model.js'
import { acceleratorChoices } from '../machine/accelerator.js'

/** Fails as the flags of oclif itself do. */
const numeric =
  (low: number, high: number) =>
  async (text: string): Promise<number> => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
    if (!(value >= low && value <= high))
      throw new Errors.CLIError(`Expected a number from ${low} to ${high} but received: ${text}`)
    return value
  }

export const bootFlags = {
  disk: Flags.option({ options: diskNames, description: 'the disk to simulate', default: 'hdd' as const })(),
  scale: Flags.custom<number>({
    description:
      "multiply the disk's delays; 0 for none. An emulated processor is 10 to 40 times slower than a real one, and about 5 restores the balance",
    helpValue: 'K',
    default: 1,
    parse: numeric(0, 1000),
  })(),
  until: Flags.string({
    description:
      'when the boot is done: a text on the serial console or the second port (ttyS1), /an expression/, or a number of seconds',
    helpValue: 'PATTERN|SECONDS',
    default: 'login:',
  }),
  timeout: Flags.custom<number>({
    description: 'seconds after which a boot has failed',
    helpValue: 'SECONDS',
    default: 900,
    parse: numeric(1, 86_400),
  })(),
  kernel: Flags.string({
    description: "kernel to start, a file of this machine (default: the image's own)",
    helpValue: 'FILE',
  }),
  initrd: Flags.string({
    description: "initial ramdisk, a file of this machine (default: the image's own)",
    helpValue: 'FILE',
  }),
  append: Flags.string({
    description: 'kernel arguments, after those the machine needs',
    helpValue: 'ARGUMENTS',
    multiple: true,
    multipleNonGreedy: true,
  }),
  partition: Flags.integer({ description: 'partition with the root filesystem', helpValue: 'N', min: 0 }),
  accelerator: Flags.option({
    options: acceleratorChoices,
    description: 'KVM, emulation (tcg), or KVM if the kernel comes up under it',
    default: 'auto' as const,
  })(),
  cpus: Flags.integer({ description: 'processors of the machine', default: 1, min: 1, max: 64, helpValue: 'N' }),
  memory: Flags.integer({
    description: 'memory of the machine in MiB',
    default: 1024,
    min: 64,
    max: 1_048_576,
    helpValue: 'MIB',
  }),
  network: Flags.boolean({ description: 'give the machine a network card; its network reaches nobody' }),
  runs: Flags.integer({ description: 'boots of each image', helpValue: 'N', default: 1, min: 1, max: 1000 }),
}
