import { libcFunction } from './libc.js'

const call = libcFunction('const char *strerror(int)') as unknown as (errno: number) => string

/** What the C library calls an error: 'Text file busy'. */
export const strerror = (errno: number): string => call(errno)
