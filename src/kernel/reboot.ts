/**
 * reboot(2): the last call a machine hears. It flushes nothing; who makes it has
 * unmounted everything, or called syncAll.
 */
import { checked, libcFunction } from './libc.js'
import { callWithThreeNumbers, systemCallNumber } from './system-call.js'

/** LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2. */
const magic1 = 0xfee1_dead
const magic2 = 0x2812_1969

/** LINUX_REBOOT_CMD_*, linux/reboot.h. */
const commands = {
  reboot: 0x0123_4567,
  /** With an argument for the firmware. */
  'reboot-to': 0xa1b2_c3d4,
  poweroff: 0x4321_fedc,
  halt: 0xcdef_0123,
  kexec: 0x4558_4543,
  /** Ends nothing: from now on Ctrl-Alt-Del is SIGINT for process 1. */
  'tell-process-1': 0,
} as const

export type RebootCommand = keyof typeof commands

/**
 * @param argument of 'reboot-to'
 * @throws KernelError; a command that ends the machine does not return otherwise
 */
export function reboot(command: RebootCommand, argument?: string): void {
  checked({ call: 'reboot', on: command }, () =>
    callWithThreeNumbers(systemCallNumber('reboot'), magic1, magic2, commands[command], argument ?? null),
  )
}

const syncCall = libcFunction('void sync(void)')

/** sync(2): when it returns, what anybody has written is on the disks. */
export function syncAll(): void {
  syncCall()
}
