/**
 * What is kept of a boot: how long it took, what the disk had to do for it, and how the
 * disk was laid out. One JSON file per boot, named after the kernel's boot_id.
 */

/** Milliseconds; a part that there was not, or that nobody tells, is missing. */
export interface BootTimes {
  readonly firmware?: number
  readonly loader?: number
  /** Up to the initrd, or to init where systemd does not run in the initrd. */
  readonly kernel: number
  readonly initrd?: number
  /** From init until default.target was reached; missing while it was not. */
  readonly userspace?: number
}

export interface DiskUse {
  /** Reads that the device of the root filesystem ended, and their bytes. */
  readonly requests: number
  readonly bytes: number
  /** Milliseconds in which at least one request was under way. */
  readonly busyMs: number
}

export interface BootFigures {
  readonly version: 1
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
  /** ISO 8601. */
  readonly started: string
  readonly kernel: string
  readonly times?: BootTimes
  /** Missing where nobody looked in time. */
  readonly disk?: DiskUse
  readonly layout: BootLayout
  /** The trace that was written of it. */
  readonly trace?: string
}

/** How the root lay when the machine was started. */
export interface BootLayout {
  readonly packed: boolean
  readonly preload: boolean
}

/** Milliseconds from the kernel's first moment until default.target was reached: what packing can change. */
export function bootTime({ times }: BootFigures): number | undefined {
  if (times?.userspace === undefined) return undefined
  return times.kernel + (times.initrd ?? 0) + times.userspace
}

export const layoutName = ({ packed, preload }: BootLayout): string =>
  [packed ? 'packed' : 'aged', ...(preload ? ['preload'] : [])].join(' + ')

export const isBootId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** @returns undefined for what is no such file, or one of another version */
export function parseFigures(text: string): BootFigures | undefined {
  let figures: Partial<BootFigures>
  try {
    figures = (JSON.parse(text) ?? {}) as Partial<BootFigures>
  } catch {
    return undefined
  }
  const { version, bootId, started, kernel, times, disk, layout } = figures
  const whole =
    version === 1 &&
    isBootId(String(bootId)) &&
    !Number.isNaN(Date.parse(String(started))) &&
    typeof kernel === 'string' &&
    typeof layout?.packed === 'boolean' &&
    typeof layout.preload === 'boolean' &&
    (times === undefined || (Number.isFinite(times.kernel) && Object.values(times).every(Number.isFinite))) &&
    (disk === undefined || [disk.requests, disk.bytes, disk.busyMs].every(Number.isFinite))
  return whole ? (figures as BootFigures) : undefined
}
