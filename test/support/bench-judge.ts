/** Whether an image was only rearranged: what e2fsprogs saw of it before, against what they see now. */
import { count as figure } from '../../src/text/units.js'
import { contentsByDebugfs, type Contents } from './bench-contents.js'
import { complaint, lookAt, type SeenImage } from './bench-debugfs.js'

export interface ImageState {
  readonly seen: SeenImage
  readonly contents: Contents
}

export async function stateOf(image: string): Promise<ImageState> {
  const seen = await lookAt(image)
  return { seen, contents: contentsByDebugfs(image, seen) }
}

export interface Finding {
  readonly what: string
  /** Undefined: not looked at. */
  readonly right: boolean | undefined
  readonly why: string
}

/** @param boot inodes that may have been moved for their own sake */
export function judge(image: string, before: ImageState, after: ImageState, boot: ReadonlySet<number>): Finding[] {
  const verdict = complaint(image)
  const changed = [...before.contents.hashes]
    .filter(([inode, hash]) => after.contents.hashes.get(inode) !== hash)
    .map(([inode]) => inode)
  const inodes = [...before.seen.inodes.values()]
  const now = after.seen.inodes
  // The filesystem's own inodes change, such as the journal's.
  const altered = inodes.filter(
    ({ inode, attributes }) =>
      (inode === 2 || inode >= before.seen.firstInode) && now.get(inode)?.attributes !== attributes,
  )
  const outside = inodes.filter(({ inode }) => !boot.has(inode))
  const worse = outside.filter(({ inode, extents }) => (now.get(inode)?.extents.length ?? 0) > extents.length)
  const moved = outside.filter(
    ({ inode, extents }) => JSON.stringify(now.get(inode)?.extents) !== JSON.stringify(extents),
  )
  return [
    { what: 'e2fsck -fn', right: verdict === undefined, why: verdict ?? '' },
    {
      what: `contents of ${figure(after.contents.files)} files, ${figure(after.contents.blocks)} blocks`,
      right: changed.length === 0 && after.contents.files === before.contents.files,
      why: `${changed.length} changed: inodes ${changed.slice(0, 5).join(', ')}`,
    },
    {
      what: `owner, mode, times and attributes of ${figure(inodes.length)} inodes`,
      right: altered.length === 0 && inodes.length === now.size,
      why: `${altered.length} changed: inodes ${altered
        .slice(0, 5)
        .map(({ inode }) => inode)
        .join(', ')}`,
    },
    {
      what: `none of ${figure(outside.length)} inodes outside the boot set has more extents (${figure(moved.length)} of them were moved)`,
      right: worse.length === 0,
      why: `${worse.length} have: ${worse
        .slice(0, 5)
        .map(({ inode, extents }) => `inode ${inode} from ${extents.length} to ${now.get(inode)?.extents.length}`)
        .join(', ')}`,
    },
  ]
}

/** Prints findings; @returns those that are wrong */
export function say(findings: readonly Finding[]): Finding[] {
  for (const { what, right, why } of findings) {
    console.log(
      `${right === undefined ? 'not looked at' : right ? 'right' : 'WRONG'}: ${what}${right === true || why === '' ? '' : ` (${why})`}`,
    )
  }
  return findings.filter(({ right }) => right === false)
}
