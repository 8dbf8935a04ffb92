/**
 * System calls the C libraries have no function for, by number. Source of the
 * numbers: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and
 * include/uapi/asm-generic/unistd.h.
 */
import { unsupported } from '../errors.js'
import { libcFunction } from './libc.js'

const numbers = {
  pivot_root: { x64: 155, generic: 41 },
  reboot: { x64: 169, generic: 142 },
} as const

/** Node's names of the architectures that use the generic table. */
const generic: readonly string[] = ['arm64', 'riscv64', 'loong64']

export const callWithTwoPaths = libcFunction('long syscall(long number, const char *a, const char *b)')
export const callWithThreeNumbers = libcFunction(
  'long syscall(long number, unsigned long a, unsigned long b, unsigned long c, const char *d)',
)

/** @throws unsupported on a processor whose table is not known here */
export function systemCallNumber(name: keyof typeof numbers): number {
  if (process.arch === 'x64') return numbers[name].x64
  if (generic.includes(process.arch)) return numbers[name].generic
  throw unsupported('no-system-call', `The number of the system call ${name} on ${process.arch} is not known here.`)
}
