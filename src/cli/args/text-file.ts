import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { BootpackError, ioError, usageError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'

/** A plan for a full disk of small files is a tenth of this; /dev/zero is not. */
const mostBytes = 256 * 1024 * 1024

/**
 * A whole file as text.
 * @param what how the error calls it: 'The plan'
 * @param flag O_NOFOLLOW and O_NONBLOCK where the name was made up and not given: others may have put a link or a pipe there
 * @throws usage when it does not exist or is far too long; io with the system's error as its cause
 */
export async function readTextFile(path: string, what: string, flag = 0): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | flag)
    try {
      const chunks: Buffer[] = []
      let length = 0
      for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024 })) {
        length += (chunk as Buffer).length
        if (length > mostBytes)
          throw usageError(
            'too-long',
            `${what} ${escapePath(path)} is longer than 256 MiB, which none is.`,
            'Give a file of the right kind.',
          )
        chunks.push(chunk as Buffer)
      }
      return Buffer.concat(chunks).toString('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof BootpackError) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new BootpackError('usage', 'no-such-file', `There is no file ${escapePath(path)}.`, {
        next: `Check the name of ${what.charAt(0).toLowerCase()}${what.slice(1)}.`,
        cause,
      })
    }
    throw ioError(`${what} ${escapePath(path)} cannot be read.`, cause)
  }
}
