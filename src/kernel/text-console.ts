import { libcFunction } from './libc.js'

const ioctlNumber = libcFunction('int ioctl(int, unsigned long, int)')

/** KDSETMODE and KD_TEXT, linux/kd.h. */
const setMode = 0x4b3a
const text = 0

/**
 * Makes a virtual console show text again, after a splash screen that has ended left
 * it in graphics mode.
 * @returns whether the descriptor is one that has modes: a serial line has none
 */
export const showText = (descriptor: number): boolean => ioctlNumber(descriptor, setMode, text) >= 0
