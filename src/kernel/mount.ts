/**
 * mount(2) for filesystems that are on a device or in memory, and for what is seen at
 * a second place.
 */
import { checked, libcFunction } from './libc.js'

const mountCall = libcFunction(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
)

/** MS_*, linux/mount.h. */
const flagBits = {
  readOnly: 1,
  noSetuid: 2,
  noDevices: 4,
  remount: 0x20,
  noAccessTime: 0x400,
  /** The folder `source` shows at `target`, too; what is mounted below it is not seen there. */
  bind: 0x1000,
  /** Takes a mount away from `source` and puts it to `target`. */
  move: 0x2000,
  /** What is mounted below is meant as well. */
  recursive: 0x4000,
  /** What others mount is not seen in it, and the other way round. */
  private: 0x4_0000,
} as const

export type MountFlag = keyof typeof flagBits

export interface MountRequest {
  readonly source: string
  /** An existing folder. */
  readonly target: string
  /** 'ext4', 'tmpfs'; nothing for what is mounted already. */
  readonly type?: string
  readonly flags?: readonly MountFlag[]
  /** The filesystem's own options, apart by commas. */
  readonly options?: string
}

/** @throws KernelError */
export function mount({ source, target, type = 'none', flags = [], options }: MountRequest): void {
  const bits = flags.reduce((sum, flag) => sum | flagBits[flag], 0)
  checked({ call: 'mount', on: target }, () => mountCall(source, target, type, bits, options ?? null))
}
