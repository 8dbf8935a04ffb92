/**
 * Where a converted image goes: beside the original, its last ending replaced.
 * @param ending such as '.img'
 */
export function besides(path: string, ending: string): string {
  const slash = path.lastIndexOf('/') + 1
  const dot = path.lastIndexOf('.')
  const stem = dot > slash ? path.slice(0, dot) : path
  return stem + ending === path ? `${path}.raw` : stem + ending
}

/** What the kernel calls a partition of a disk: sda and nvme0n1 have sda2 and nvme0n1p2. */
export const partitionDevice = (disk: string, partition: number): string =>
  `${disk}${/\d$/.test(disk) ? 'p' : ''}${partition}`
