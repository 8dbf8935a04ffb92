/**
 * The C library, loaded when the first call needs it and never on import: a
 * command that touches no kernel interface pays nothing for this room.
 *
 * koffi hands `errno` over only until the next call of anything that sets it, so
 * `checked` reads it before it does anything else.
 */
import { createRequire } from 'node:module'
import type koffiType from 'koffi'
import { kernelError, type KernelSubject } from './errno.js'

type Koffi = typeof koffiType
export type NativeFunction = (...args: unknown[]) => number

let koffi: Koffi | undefined
let library: ReturnType<Koffi['load']> | undefined

function loadedKoffi(): Koffi {
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi
  return koffi
}

/** One C prototype, bound on its first use. Returns what the C function returns. */
export function libcFunction(prototype: string): NativeFunction {
  let bound: NativeFunction | undefined
  return (...args) => {
    if (bound === undefined) {
      // The symbols Node itself is linked with: glibc or musl alike.
      library ??= loadedKoffi().load(null)
      bound = library.func(prototype) as NativeFunction
    }
    return bound(...args)
  }
}

/** errno of the call just made; only meaningful when that call failed. */
export const lastErrno = (): number => loadedKoffi().errno()

/** The address of a buffer's first byte. */
export const addressOf = (buffer: Uint8Array): bigint => loadedKoffi().address(buffer)

const EINTR = 4

/**
 * Makes a call that reports failure by a negative result, repeating it when a
 * signal came in between.
 * @throws KernelError carrying errno
 */
export function checked(subject: KernelSubject, call: () => number): number {
  for (;;) {
    const result = call()
    if (result >= 0) return result
    const errno = lastErrno()
    if (errno !== EINTR) throw kernelError(subject, errno)
  }
}

const ioctlFunction = libcFunction('int ioctl(int, unsigned long, ...)')

/**
 * ioctl with a structure that the kernel reads and may write back into.
 * @param request a number from ioctl-number.ts
 * @throws KernelError
 */
export function ioctl(subject: KernelSubject, fd: number, request: number, structure: Uint8Array): number {
  return checked(subject, () => ioctlFunction(fd, request, 'void *', structure))
}

/** The same without an exception: 0 and above is the result, below is `-errno`. */
export function tryIoctl(fd: number, request: number, structure: Uint8Array): number {
  const result = ioctlFunction(fd, request, 'void *', structure)
  return result >= 0 ? result : -lastErrno()
}
