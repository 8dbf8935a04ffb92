/**
 * The feature words of the superblock: which bit is which, by the names e2fsprogs
 * gives them, and which of them the reading side cannot live with. A bit without a
 * name here is a format nobody has told us about, and is refused.
 */
import { errorCodes, unsupported } from '../../errors.js'

const compatNames: Readonly<Record<number, string>> = {
  0x1: 'dir_prealloc',
  0x2: 'imagic_inodes',
  0x4: 'has_journal',
  0x8: 'ext_attr',
  0x10: 'resize_inode',
  0x20: 'dir_index',
  0x40: 'lazy_bg',
  0x100: 'snapshot_bitmap',
  0x200: 'sparse_super2',
  0x400: 'fast_commit',
  0x800: 'stable_inodes',
  0x1000: 'orphan_file',
}

const incompatNames: Readonly<Record<number, string>> = {
  0x1: 'compression',
  0x2: 'filetype',
  0x4: 'needs_recovery',
  0x8: 'journal_dev',
  0x10: 'meta_bg',
  0x40: 'extent',
  0x80: '64bit',
  0x100: 'mmp',
  0x200: 'flex_bg',
  0x400: 'ea_inode',
  0x1000: 'dirdata',
  0x2000: 'metadata_csum_seed',
  0x4000: 'large_dir',
  0x8000: 'inline_data',
  0x1_0000: 'encrypt',
  0x2_0000: 'casefold',
}

const roCompatNames: Readonly<Record<number, string>> = {
  0x1: 'sparse_super',
  0x2: 'large_file',
  0x8: 'huge_file',
  0x10: 'uninit_bg',
  0x20: 'dir_nlink',
  0x40: 'extra_isize',
  0x80: 'snapshot',
  0x100: 'quota',
  0x200: 'bigalloc',
  0x400: 'metadata_csum',
  0x800: 'replica',
  0x1000: 'read-only',
  0x2000: 'project',
  0x4000: 'shared_blocks',
  0x8000: 'verity',
  0x1_0000: 'orphan_present',
}

/**
 * Compatible features that may be there while something is written. Whoever does not know
 * one may mount it, but e2fsck refuses it: what is behind it may have to be kept right
 * (orphan_file was such a bit).
 */
const writtenCompat = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x200 | 0x400 | 0x800 | 0x1000

/** The lowest compatible feature that e2fsprogs would not write with; undefined when there is none. */
export function unwritableCompat({ compat }: Pick<Features, 'compat'>): string | undefined {
  const unknown = compat & ~writtenCompat
  if (unknown === 0) return undefined
  const mask = (unknown & -unknown) >>> 0
  return compatNames[mask] ?? `bit ${Math.log2(mask)} (0x${mask.toString(16)})`
}

/** Features whose layout is read wrongly, or only in part, by what is written here. */
const refusedFeatures = [
  'compression',
  'journal_dev',
  'dirdata',
  'snapshot',
  'bigalloc',
  'replica',
  'shared_blocks',
] as const

export interface Features {
  readonly compat: number
  readonly incompat: number
  readonly roCompat: number
  /** All that are set, by name. */
  readonly names: ReadonlySet<string>
}

/**
 * @param compat unknown bits are no obstacle to reading: that is what compatible means
 * @throws unsupported naming the first feature that is unknown or refused
 */
export function decodeFeatures(compat: number, incompat: number, roCompat: number): Features {
  const names = new Set<string>()
  collect(names, compat, compatNames, undefined)
  collect(names, incompat, incompatNames, 'incompatible')
  collect(names, roCompat, roCompatNames, 'read-only compatible')
  for (const name of refusedFeatures) {
    if (names.has(name)) {
      const code = `feature-${name}` as const
      throw unsupported(
        code,
        `The filesystem has the feature ${name}: ${errorCodes.unsupported[code].means}.`,
        'Use a filesystem made without it.',
      )
    }
  }
  return { compat, incompat, roCompat, names }
}

function collect(
  names: Set<string>,
  word: number,
  table: Readonly<Record<number, string>>,
  kind: string | undefined,
): void {
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0
    if ((word & mask) === 0) continue
    const name = table[mask]
    if (name !== undefined) names.add(name)
    else if (kind !== undefined) {
      throw unsupported(
        'feature-unknown',
        `The filesystem has an unknown ${kind} feature, bit ${bit} (0x${mask.toString(16)}).`,
        'Use a newer bootpack, or a filesystem made without it.',
      )
    }
  }
}
