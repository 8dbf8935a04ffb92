/**
 * What a swap file is known by, or one that a hibernated system sleeps in: the kernel keeps
 * their blocks by number, and `resume_offset=` on a kernel command line does so across
 * boots. The signature is at the end of their first page. The page is that of the machine
 * they are for: 4 KiB nearly everywhere; on others the version number at byte 1024 says
 * first that it is worth looking further.
 */
export const swapSignatures: ReadonlySet<string> = new Set([
  'SWAPSPACE2',
  'SWAP-SPACE',
  'S1SUSPEND\0',
  'S2SUSPEND\0',
  'ULSUSPEND\0',
  'LINHIB0001',
])
/** Bytes. */
export const swapSignatureLength = 10
export const swapVersionOffset = 1024
export const swapPages = { smallest: 4096, larger: [8192, 16384, 32768, 65536] } as const

export const isSwapVersion = (version: number): boolean => version === 1 || version === 0x0100_0000

/** Root owns every swap file, and the kernel wants ten pages at least. */
export const mayBeSwapFile = ({
  type,
  uid,
  size,
}: {
  readonly type: string
  readonly uid: number
  readonly size: number
}): boolean => type === 'regular' && uid === 0 && size >= 10 * swapPages.smallest && size % swapPages.smallest === 0
