/** One system call as strace prints it: `openat(AT_FDCWD, "/etc/fstab", O_RDONLY) = 3</etc/fstab> <0.000010>`. */
import { decodeName } from '../../bytes/file-name.js'

export interface StraceCall {
  /** As printed, without the spaces around. */
  readonly args: readonly string[]
  /** NaN for '?' and for what is no number; pointers are numbers. */
  readonly result: number
  /** With -y: the name behind a returned descriptor. */
  readonly resultPath: string | undefined
}

const result = /^ *= (-?\d+|0x[0-9a-f]+|\?)/

/**
 * @param text what follows the name: '(' to the end of the line
 * @returns undefined for a call that is cut or was not understood
 */
export function parseCall(text: string): StraceCall | undefined {
  if (text[0] !== '(') return undefined
  const args: string[] = []
  let depth = 0
  let from = 1
  for (let i = 1; i < text.length; i++) {
    switch (text.charAt(i)) {
      case '"':
        i = endOfString(text, i)
        break
      case '<':
        // The name behind a descriptor, printed with -y; never an operator: those have spaces around.
        if (/[\dD]/.test(text[i - 1]!)) i = endOfAnnotation(text, i)
        break
      case '(':
      case '[':
      case '{':
        depth++
        break
      case ']':
      case '}':
        depth--
        break
      case ',':
        if (depth === 0) {
          args.push(text.slice(from, i).trim())
          from = i + 1
        }
        break
      case ')':
        if (depth > 0) {
          depth--
        } else {
          const last = text.slice(from, i).trim()
          if (last !== '' || args.length > 0) args.push(last)
          return withResult(args, text.slice(i + 1))
        }
        break
    }
  }
  return undefined
}

function withResult(args: readonly string[], rest: string): StraceCall | undefined {
  const found = result.exec(rest)
  if (!found) return undefined
  const end = found[0].length
  return {
    args,
    result: found[1] === '?' ? NaN : Number(found[1]),
    resultPath: rest[end] === '<' ? annotation(rest.slice(end)) : undefined,
  }
}

/** Position of the closing quote, or of the end of the text. */
function endOfString(text: string, quote: number): number {
  for (let i = quote + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i
  }
  return text.length
}

/** Position of the '>' that closes; with -yy annotations nest. */
function endOfAnnotation(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '<') depth++
    else if (text[i] === '>' && text[i - 1] !== '-' && --depth === 0) return i
  }
  return text.length
}

/** `</etc/fstab>` as the name, if it is one. */
function annotation(text: string): string | undefined {
  const stop = /[<>]/.exec(text.slice(1))
  const name = stop ? text.slice(1, 1 + stop.index) : ''
  return name.startsWith('/') ? decodeEscapes(name) : undefined
}

/** `3` or `3</etc/fstab>` or `AT_FDCWD</root>`. */
export function parseDescriptor(arg: string | undefined): {
  readonly number: number
  readonly path: string | undefined
} {
  const open = arg?.indexOf('<') ?? -1
  const number = Number.parseInt(arg ?? '', 10)
  return { number, path: open < 0 ? undefined : annotation(arg!.slice(open)) }
}

/** A string argument, unescaped; undefined when it is none or strace cut it short. */
export const parseString = (arg: string | undefined): string | undefined =>
  arg !== undefined && arg.length >= 2 && arg.startsWith('"') && arg.endsWith('"')
    ? decodeEscapes(arg.slice(1, -1))
    : undefined

const single: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  v: 11,
  f: 12,
  a: 7,
  b: 8,
  e: 27,
  '\\': 92,
  '"': 34,
}

/** C escapes, octal of one to three digits among them, as strace writes bytes that are not plain ASCII. */
function decodeEscapes(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(
    text.replace(
      /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs,
      (whole, hex?: string, octal?: string, letter?: string) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
        const code = single[letter!]
        return code === undefined ? whole : String.fromCharCode(code)
      },
    ),
    'latin1',
  )
  return decodeName(bytes)
}
