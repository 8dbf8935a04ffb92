import { libcFunction } from './libc.js'

const call = libcFunction('int getpagesize()')
let known: number | undefined

/** Bytes of a page of memory: the unit of the page cache. 4 KiB nearly everywhere, up to 64 KiB on arm64. */
export function pageSize(): number {
  known ??= call()
  return known
}
