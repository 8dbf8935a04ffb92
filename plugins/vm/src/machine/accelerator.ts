/**
 * KVM where it truly comes up, else emulation. That /dev/kvm can be opened says
 * little: on some hosts QEMU gives up over a register, on others the guest's kernel
 * never gets to its first line. So the kernel itself is started, without a disk: it
 * must say so, find that it has no root, and give up, within a time limit.
 */
import { accessSync, constants } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { ConsoleText } from './console-text.js'
import { Qemu } from './qemu.js'
import type { AcceleratorName } from './qemu-arguments.js'

export interface Accelerator {
  readonly name: AcceleratorName
  /** Why it is not KVM. */
  readonly why?: string
}

export const acceleratorChoices = ['auto', 'kvm', 'tcg'] as const
export type AcceleratorChoice = (typeof acceleratorChoices)[number]

/** A kernel under KVM is through in one or two. */
const limitSeconds = 15

/** @param kernel path of the kernel to try with */
export async function chooseAccelerator(
  choice: AcceleratorChoice,
  kernel: string,
  signal: AbortSignal,
): Promise<Accelerator> {
  if (choice !== 'auto') return { name: choice }
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch (error) {
    return {
      name: 'tcg',
      why:
        (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no /dev/kvm' : 'this user may not open /dev/kvm',
    }
  }
  const failure = await tryKvm(kernel, signal)
  return failure === undefined ? { name: 'kvm' } : { name: 'tcg', why: failure }
}

/** @returns what went wrong, or nothing */
async function tryKvm(kernel: string, signal: AbortSignal): Promise<string | undefined> {
  const text = new ConsoleText()
  let spoke = false
  const commandLine = 'console=ttyS0 earlyprintk=ttyS0 panic=-1'
  const machine = {
    accelerator: 'kvm',
    cpus: 1,
    memory: 512,
    network: false,
    kernel,
    initrd: undefined,
    commandLine,
    diskSocket: undefined,
    portSocket: undefined,
  } as const
  const qemu = await Qemu.start(machine, {
    onConsole: (bytes) => {
      spoke ||= text.add(bytes).some((line) => line.includes('Linux version'))
    },
  })
  try {
    const off = await Promise.race([
      qemu.off.then(() => true),
      delay(limitSeconds * 1000, false, { signal, ref: false }).catch(() => false),
    ])
    if (signal.aborted) return 'interrupted'
    if (!off) return `under KVM the kernel did not come up within ${limitSeconds} seconds`
    if (!spoke)
      return qemu.complaint === ''
        ? 'under KVM the machine ended before its kernel said anything'
        : `KVM does not work here: ${firstLine(qemu.complaint)}`
    return undefined
  } finally {
    await qemu.stop()
  }
}

const firstLine = (text: string): string =>
  text
    .trim()
    .split('\n')[0]!
    .replace(/^qemu-system-\w+: (?:error: )?/, '')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, ' ')
    .slice(0, 200)
