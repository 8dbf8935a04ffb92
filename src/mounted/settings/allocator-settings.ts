/**
 * The allocator's settings below /sys/fs/ext4/NAME while blocks are claimed: with
 * them the kernel takes space from the group it is pointed at as long as that
 * group has any (claim.ts says how that is used).
 *
 * They are the whole filesystem's and outlive the process. So what they were is
 * written down before they are changed (settings-record.ts), and they are changed
 * back as soon as the claiming is over: by `restore` in a `finally`, by signal and
 * exit handlers, and after a kill -9 by whoever opens the filesystem next.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unsupported } from '../../errors.js'
import { asKernelError, failedWith } from '../../kernel/errno.js'
import type { SettingsRecord } from './record.js'

const largest = 2 ** 31 - 1

/**
 * What each is set to. The kernels of the last years differ in which they have;
 * the first two are needed, the others help.
 */
const wanted = (groupCount: number): Readonly<Record<string, number>> => ({
  // Files up to this many blocks are not steered to where the last large file went.
  mb_stream_req: largest,
  // Small files would otherwise share one preallocated chunk per processor.
  mb_group_prealloc: 1,
  // Lengths that are a power of two need no aligned chunk.
  mb_order2_req: 32,
  // Groups looked at one after the other from the goal on. Never more than there
  // are: a kernel that finds nothing goes round and round until it has counted
  // this far, and cannot be killed meanwhile.
  mb_max_linear_groups: groupCount,
  // The best fit of the whole group, not the first tolerable one.
  mb_min_to_scan: largest,
  mb_max_to_scan: largest,
  // No shorter extent than asked for from a better place.
  mb_best_avail_max_trim_order: 0,
})

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class AllocatorSettings {
  private saved: Record<string, string> | undefined
  private readonly restoreNow = (): void => this.restore()
  private readonly restoreAndDie = (signal: NodeJS.Signals): void => {
    // Somebody else decides what the signal means, and will come to `finally`.
    if (process.listenerCount(signal) > 1) return
    this.restore()
    process.kill(process.pid, signal)
  }

  private readonly folder: string
  private readonly record: SettingsRecord
  private readonly groupCount: number

  /**
   * @param folder '/sys/fs/ext4/NAME'
   * @param record where they are written down meanwhile
   */
  constructor(folder: string, record: SettingsRecord, groupCount: number) {
    this.folder = folder
    this.record = record
    this.groupCount = groupCount
  }

  /** @throws KernelError refused when they cannot be changed, such as in a container with /sys read-only */
  change(): void {
    if (this.saved) return
    if (readSetting(this.folder, 'mb_stream_req') === undefined) {
      throw unsupported(
        'no-settings',
        `The allocator's settings below ${this.folder} cannot be read.`,
        'Mount sysfs at /sys, and run it outside of containers.',
      )
    }
    const saved: Record<string, string> = {}
    const set: Record<string, string> = {}
    for (const [name, value] of Object.entries(wanted(this.groupCount))) {
      const was = readSetting(this.folder, name)
      if (was === undefined || was === String(value)) continue
      saved[name] = was
      set[name] = String(value)
    }
    this.record.write({ folder: this.folder, saved, set })
    this.saved = saved
    process.on('exit', this.restoreNow)
    for (const signal of signals) process.on(signal, this.restoreAndDie)
    try {
      for (const [name, value] of Object.entries(set)) writeSetting(this.folder, name, value)
    } catch (error) {
      this.restore()
      throw error
    }
  }

  restore(): void {
    if (!this.saved) return
    const { saved } = this
    this.saved = undefined
    process.off('exit', this.restoreNow)
    for (const signal of signals) process.off(signal, this.restoreAndDie)
    for (const [name, value] of Object.entries(saved)) writeBack(this.folder, name, value)
    this.record.clear()
  }
}

/** Undoes what a process that was killed left changed; what somebody changed since stays. */
export function restoreRecorded({ folder, saved, set }: NonNullable<ReturnType<SettingsRecord['read']>>): void {
  for (const [name, value] of Object.entries(saved)) {
    if (readSetting(folder, name) === set[name]) writeBack(folder, name, value)
  }
}

function readSetting(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8').trim()
  } catch {
    return undefined
  }
}

function writeSetting(folder: string, name: string, value: string): void {
  asKernelError({ call: 'write', on: join(folder, name) }, () =>
    writeFileSync(join(folder, name), value, { flag: 'r+' }),
  )
}

function writeBack(folder: string, name: string, value: string): void {
  try {
    writeSetting(folder, name, value)
  } catch (error) {
    // Unmounted meanwhile: the settings are gone with it.
    if (!failedWith(error, 'ENOENT', 'ENODEV')) throw error
  }
}
