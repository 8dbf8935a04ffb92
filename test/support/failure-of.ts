import { BootpackError } from '../../src/errors.js'

/** What a call throws, which must be one of ours. */
export function failureOf(call: () => unknown): BootpackError {
  try {
    call()
  } catch (error) {
    if (error instanceof BootpackError) return error
    throw error
  }
  throw new Error('it should have failed')
}
