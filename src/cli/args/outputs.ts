import { lstat, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { refused, usageError } from '../../errors.js'
import { refuseOther } from '../../files/atomic-file.js'
import type { OutputKind } from '../../files/output-kind.js'
import { escapePath } from '../../text/escape-path.js'

/** A file a command will write; without a path, or with -, there is none. */
export interface Output {
  readonly path: string | undefined
  readonly kind: OutputKind
}

/**
 * Looks at every output before the work begins: that what is there may be replaced, that
 * none of them is what the command reads, and that no two are one file.
 * @param inputs names the user gave; - and what is not there are passed over
 * @throws usage, refused
 */
export async function needOutputs(
  outputs: readonly Output[],
  inputs: readonly (string | undefined)[] = [],
): Promise<void> {
  const files = outputs.flatMap(({ path, kind }) =>
    path === undefined || path === '-' ? [] : [{ path, place: resolve(path), kind }],
  )
  for (const [i, { path, place }] of files.entries()) {
    if (files.findIndex((other) => other.place === place) < i)
      throw usageError(
        'same-output',
        `${escapePath(path)} is to be two files at once.`,
        'Give each thing that is written a name of its own.',
      )
  }
  for (const { path, kind } of files) {
    for (const input of inputs) {
      if (input === undefined || input === '-' || !(await isSameFile(path, input))) continue
      throw refused(
        'is-an-input',
        `${escapePath(path)} is what is read; it was left alone.`,
        'Give another name for what is to be written.',
      )
    }
    await refuseOther(path, kind)
  }
}

/** Whether an output, not followed if it is a link, is the very file an input leads to. */
async function isSameFile(output: string, input: string): Promise<boolean> {
  const [written, read] = await Promise.all([
    lstat(output, { bigint: true }).catch(() => undefined),
    stat(input, { bigint: true }).catch(() => undefined),
  ])
  return written !== undefined && read !== undefined && written.ino === read.ino && written.dev === read.dev
}
