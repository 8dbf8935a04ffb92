/**
 * The dynamic loader an ELF program asks for. Source of the format: elf(5); only
 * little-endian, 64 bits, as every machine Node has packages for.
 */
import { closeSync, openSync, readSync } from 'node:fs'

const headerSize = 64
const programHeaderSize = 56
const mostProgramHeaders = 64
/** PT_INTERP */
const interpreterType = 3
/** PATH_MAX */
const longestPath = 4096

export type ElfKind =
  | { readonly kind: 'dynamic'; readonly interpreter: string }
  /** Needs no loader: a static program, or a library. */
  | { readonly kind: 'without-interpreter' }
  /** A script, or a program of another architecture. */
  | { readonly kind: 'no-elf' }

export function elfInterpreter(path: string): ElfKind {
  const file = openSync(path, 'r')
  try {
    const header = readAt(file, 0, headerSize)
    const isElf =
      header.length === headerSize &&
      header.toString('latin1', 0, 4) === '\x7fELF' &&
      header[4] === 2 &&
      header[5] === 1
    if (!isElf) return { kind: 'no-elf' }
    const count = Math.min(header.readUInt16LE(56), mostProgramHeaders)
    const table = readAt(file, Number(header.readBigUInt64LE(32)), count * programHeaderSize)
    for (let at = 0; at + programHeaderSize <= table.length; at += programHeaderSize) {
      if (table.readUInt32LE(at) !== interpreterType) continue
      const size = Math.min(Number(table.readBigUInt64LE(at + 32)), longestPath)
      const text = readAt(file, Number(table.readBigUInt64LE(at + 8)), size).toString('utf8')
      return { kind: 'dynamic', interpreter: text.replace(/\0.*$/s, '') }
    }
    return { kind: 'without-interpreter' }
  } finally {
    closeSync(file)
  }
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, position))
}
