/**
 * The one error class of the project. Every error says three things: what was
 * wrong (which structure, which number), what a person can do now, and which
 * exit code the process ends with.
 *
 * The families stay apart because they ask for different actions: `usage` is the
 * caller's slip, `refused` would be unsafe, `stopped` became so half-way (what was done
 * until then is whole), `unsupported` is sound but not ours to handle, `corrupt` needs a
 * repair, `no-space` needs room, `io` is the device.
 */

import {
  codeOfStructure,
  errorCodes,
  isCodeOf,
  type CodeOf,
  type ErrorCode,
  type ErrorFamily,
  type KernelCode,
  type Structure,
} from './error-codes.js'

export { errorCodes, isCodeOf, meanwhileCode } from './error-codes.js'
export type { CodeOf, ContainerCode, ErrorCode, ErrorFamily } from './error-codes.js'

/** Exit codes of every command; see docs/architecture.md. */
export const exitCode = {
  done: 0,
  failure: 1,
  usage: 2,
  partial: 3,
  nothingToGain: 4,
  refused: 5,
  corrupt: 6,
  noSpace: 7,
  interrupted: 130,
} as const

/** With which code a command ends for each family. */
export const exitOf: Readonly<Record<ErrorFamily, number>> = {
  usage: exitCode.usage,
  refused: exitCode.refused,
  stopped: exitCode.partial,
  unsupported: exitCode.refused,
  corrupt: exitCode.corrupt,
  'no-space': exitCode.noSpace,
  io: exitCode.failure,
  interrupted: exitCode.interrupted,
}

export interface ErrorDetails {
  /** What to do next, a full sentence. */
  readonly next?: string
  readonly cause?: unknown
  /** The structure a corrupt finding is about, such as "inode" or "group descriptor". */
  readonly structure?: string
  /** Which one of them. */
  readonly number?: number
}

type Kind =
  | { [Family in ErrorFamily]: [family: Family, code: CodeOf<Family>] }[ErrorFamily]
  | [family: ErrorFamily, code: KernelCode]

export class BootpackError extends Error {
  override readonly name = 'BootpackError'
  readonly next: string | undefined
  readonly structure: string | undefined
  readonly number: number | undefined

  readonly family: ErrorFamily
  readonly code: ErrorCode

  /**
   * @param kind a family, which decides the exit code, and a code of it (docs/errors.md); then
   *   one sentence for people, and details
   */
  constructor(...[family, code, message, details = {}]: [...Kind, message: string, details?: ErrorDetails]) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.family = family
    this.code = code

    this.next = details.next
    this.structure = details.structure
    this.number = details.number
  }

  get exitCode(): number {
    return exitOf[this.family]
  }
}

export interface ToldError {
  readonly family: ErrorFamily
  readonly code: string
  readonly message: string
  readonly next?: string | undefined
}

/** An error as another process told it; one whose family and code are not known ones is `io`. */
export function errorFrom({ family, code, message, next }: ToldError): BootpackError {
  const known = /^E[A-Z0-9]+$/.test(code) || (Object.hasOwn(errorCodes, family) && isCodeOf(family, code))
  return new BootpackError(
    ...((known ? [family, code] : ['io', 'io']) as Kind),
    message,
    next === undefined ? {} : { next },
  )
}

export const usageError = (code: CodeOf<'usage'>, message: string, next?: string): BootpackError =>
  new BootpackError('usage', code, message, next === undefined ? {} : { next })

export const refused = (code: CodeOf<'refused'>, message: string, next: string): BootpackError =>
  new BootpackError('refused', code, message, { next })

export const unsupported = (code: CodeOf<'unsupported'>, message: string, next?: string): BootpackError =>
  new BootpackError('unsupported', code, message, next === undefined ? {} : { next })

/**
 * @param structure what is damaged
 * @param number    which one: the block, inode or group number
 * @param problem   what was found, and what was expected
 */
export const corrupt = (
  structure: Structure,
  number: number,
  problem: string,
  next = 'Run e2fsck on it first.',
): BootpackError =>
  new BootpackError('corrupt', codeOfStructure(structure), `${structure} ${number}: ${problem}`, {
    next,
    structure,
    number,
  })

export const noSpace = (code: CodeOf<'no-space'>, message: string, next: string): BootpackError =>
  new BootpackError('no-space', code, message, { next })

/** What the system says to who may not, and the way out. */
const forbidden: Readonly<Record<string, string>> = {
  EACCES: 'Get the permission, for example with sudo.',
  EPERM: 'Get the permission, for example with sudo.',
  EROFS: 'It lies on a filesystem that is mounted read-only; use another place, or mount it writable.',
}

/**
 * Reading or writing failed. Where the system refused it to this user it is a refusal as
 * others are, `no-permission`, whatever it was done for: nothing is broken.
 * @param cause  what the system said
 * @param advice what to do where something is left half-way: that is no refusal then
 */
export function ioError(message: string, cause?: unknown, advice?: string): BootpackError {
  if (advice !== undefined) return new BootpackError('io', 'io', message, { cause, next: advice })
  const next = forbidden[(cause as { readonly code?: string } | undefined)?.code ?? '']
  return next === undefined
    ? new BootpackError('io', 'io', message, { cause })
    : new BootpackError('refused', 'no-permission', message, { cause, next })
}
