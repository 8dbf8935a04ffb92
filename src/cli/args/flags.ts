import { Args, Flags } from '@oclif/core'
import { usageError } from '../../errors.js'

export const targetArgument = Args.string({
  description: 'mount point, path on a mounted filesystem, unmounted block device, or image file',
  required: true,
})

export const traceFlag = Flags.string({
  char: 't',
  description: 'boot trace, or a list of paths in read order; - for standard input',
  helpValue: 'FILE',
  required: true,
})

export const formatFlag = Flags.string({
  description: 'format of the trace; recognised by content when left out',
  helpValue: 'FORMAT',
})

export const partitionFlag = Flags.integer({
  description: 'partition of a partitioned disk or image',
  helpValue: 'N',
  min: 0,
})

export const anyTraceFlag = Flags.boolean({
  description: 'use the trace even if most of its files are missing here, or its blocks are those of another layout',
})

export const undoFileFlag = Flags.string({
  description: 'keep what is overwritten in this new file, which e2undo plays back; images without a journal need it',
  helpValue: 'FILE',
})

/** What decides where the boot set goes; shared by plan and pack. */
export const planningFlags = {
  trace: traceFlag,
  format: formatFlag,
  'any-trace': anyTraceFlag,
  partition: partitionFlag,
  directory: Flags.string({
    char: 'r',
    description:
      'take the goal from the first block of this directory (default: the deepest one that holds all traced files)',
    helpValue: 'DIR',
  }),
  goal: Flags.string({
    description: 'a block number to begin at, or auto to compare candidates',
    helpValue: 'BLOCK|auto',
  }),
  evict: Flags.boolean({ description: 'move other files out of the way where needed' }),
  metadata: Flags.boolean({
    description: 'pack directories, extent-tree and attribute blocks too, where that is possible',
    default: true,
    allowNo: true,
  }),
  inodes: Flags.boolean({ description: 'renumber the inodes a boot needs, so that they lie together; unmounted only' }),
  granularity: Flags.option({
    description: 'pack whole files, or only the ranges of them that are read, where that pays',
    options: ['file', 'range'] as const,
    default: 'file' as const,
  })(),
  'max-bytes': Flags.string({
    description: 'write no more than this, in bytes or with k, M or G behind it (1024 each)',
    helpValue: 'BYTES',
  }),
}

/** @throws usage unless the text is a number of bytes */
export function parseBytes(text: string): number {
  const found = /^(\d{1,12})([kMG]?)$/.exec(text)
  if (!found)
    throw usageError(
      'bad-bytes',
      `--max-bytes ${text} is no number of bytes.`,
      'Write 64M for 64 times 1024 times 1024.',
    )
  return Number(found[1]) * 1024 ** ['', 'k', 'M', 'G'].indexOf(found[2]!)
}

/** @throws usage unless the text is 'auto' or a block number */
export function parseGoal(text: string | undefined): number | 'auto' | undefined {
  if (text === undefined || text === 'auto') return text
  if (!/^\d{1,15}$/.test(text)) throw usageError('bad-goal', `--goal ${text} is neither a block number nor auto.`)
  return Number(text)
}
