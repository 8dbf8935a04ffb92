import { callError } from '../volume/call-error.js'

/**
 * @param what the thing, at the start of a sentence
 * @returns blocks
 * @throws EINVAL unless the bytes are a whole number of blocks, none below 0
 */
export function needAligned(what: string, bytes: number, blockSize: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw callError('EINVAL', `${what} is ${bytes}, not a number of bytes.`)
  if (bytes % blockSize !== 0)
    throw callError('EINVAL', `${what} is ${bytes}, not a multiple of the block size ${blockSize}.`)
  return bytes / blockSize
}
