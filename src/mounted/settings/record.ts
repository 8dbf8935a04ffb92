/**
 * What the allocator's settings were before they were changed, in a file below
 * /run: one per filesystem, locked by whoever works on it. The lock goes with its
 * process, so a record without a holder is one that a killed process left.
 *
 * The folder belongs to root and nobody else can enter it, hence names in it can
 * be plain; it is checked each time, not trusted.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { refused } from '../../errors.js'
import { asKernelError, failedWith } from '../../kernel/errno.js'
import { describeAtWork } from '../../host/at-work.js'
import { identify } from '../../host/block-devices.js'
import { openersOf } from '../../host/openers.js'
import { tryLock } from '../../kernel/flock.js'

export interface RecordedSettings {
  /** Where they are. */
  readonly folder: string
  /** What they were. */
  readonly saved: Readonly<Record<string, string>>
  /** What they were set to. */
  readonly set: Readonly<Record<string, string>>
}

const defaultFolder = '/run/bootpack'
const longestRecord = 64 * 1024

export class SettingsRecord {
  private readonly fd: number

  private constructor(fd: number) {
    this.fd = fd
  }

  /**
   * Takes the record of a filesystem, and with it the right to move blocks there.
   * @param number 'major:minor' of its device
   * @throws refused when another process has it
   */
  static open(number: string, folder = defaultFolder): SettingsRecord {
    const path = join(ownFolder(folder), number.replace(':', '-'))
    const fd = asKernelError({ call: 'open', on: path }, () =>
      openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600),
    )
    try {
      if (!fstatSync(fd).isFile() || fstatSync(fd).nlink !== 1) throw tampered(path)
      if (!tryLock(fd)) {
        const { who, next } = describeAtWork(openersOf(identify(fstatSync(fd, { bigint: true })))[0])
        throw refused('in-use', `Another bootpack or e4defrag moves blocks on this filesystem${who}.`, next)
      }
      return new SettingsRecord(fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** What a killed process left; undefined when there is nothing, or nothing that can be read. */
  read(): RecordedSettings | undefined {
    const bytes = Buffer.alloc(longestRecord)
    const text = bytes.toString('utf8', 0, readSync(this.fd, bytes, 0, bytes.length, 0))
    if (text === '') return undefined
    try {
      const value: unknown = JSON.parse(text)
      return isRecorded(value) ? value : undefined
    } catch {
      // It was killed while writing, and changes nothing before that is done.
      return undefined
    }
  }

  write(settings: RecordedSettings): void {
    ftruncateSync(this.fd, 0)
    writeSync(this.fd, JSON.stringify(settings), 0)
  }

  clear(): void {
    ftruncateSync(this.fd, 0)
  }

  /** Lets others work on the filesystem. */
  close(): void {
    closeSync(this.fd)
  }
}

function ownFolder(folder: string): string {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error
  }
  const stats = lstatSync(folder)
  if (!stats.isDirectory() || stats.uid !== process.getuid?.() || (stats.mode & 0o077) !== 0) throw tampered(folder)
  return folder
}

const tampered = (path: string): Error =>
  refused(
    'unsafe-record',
    `${path} is not what bootpack made: somebody else can change it.`,
    `Look at it, and remove it.`,
  )

function isRecorded(value: unknown): value is RecordedSettings {
  const isTexts = (map: unknown): boolean =>
    typeof map === 'object' &&
    map !== null &&
    Object.entries(map).every(
      ([name, text]) => /^mb_[a-z0-9_]+$/.test(name) && typeof text === 'string' && /^\d+$/.test(text),
    )
  const { folder, saved, set } = value as Partial<RecordedSettings>
  return (
    typeof folder === 'string' &&
    /^\/sys\/fs\/ext4\/[^/]+$/.test(folder) &&
    folder !== '/sys/fs/ext4/..' &&
    isTexts(saved) &&
    isTexts(set)
  )
}
