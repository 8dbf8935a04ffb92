/** fdatasync(2): a file's contents on the disk, and what is needed to find them. */
import { fdatasyncSync } from 'node:fs'
import { asKernelError } from './errno.js'

/** @throws KernelError io when the device failed */
export const fileDataSync = (fd: number): void => asKernelError({ call: 'fdatasync' }, () => fdatasyncSync(fd))
