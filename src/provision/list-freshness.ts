/** Whether a list still describes the layout. A stale one does no harm at boot, it only gains less. */
import type { PreloadList } from '../preload/list-text.js'
import { partUnit } from '../preload/file-parts.js'
import type { Volume } from '../volume/volume.js'

export interface ListState {
  /** Files listed. */
  readonly files: number
  /** Those that are not there any more. */
  readonly gone: readonly string[]
  /** Those whose first block lies elsewhere. */
  readonly moved: readonly string[]
  /** Whether the list is for this filesystem. */
  readonly sameFilesystem: boolean
  /** Whether the ranges of metadata are those a sweep made now would read; undefined without a trace. */
  readonly sameMetadata?: boolean
  readonly stale: boolean
}

/**
 * @param planned what a sweep made now would be, if there is a trace to make it from
 */
export async function checkList(list: PreloadList, volume: Volume, planned?: PreloadList): Promise<ListState> {
  const { uuid, blockSize } = volume.geometry()
  const gone: string[] = []
  const moved: string[] = []
  const firsts = new Map<string, PreloadList['files'][number]>()
  for (const file of list.files) if (!firsts.has(file.path)) firsts.set(file.path, file)
  for (const { path, first, part } of firsts.values()) {
    const file = (await volume.lookup(path))?.file
    if (file?.type !== 'regular') {
      gone.push(path)
      continue
    }
    const from = Math.floor(((part?.skip ?? 0) * partUnit) / blockSize)
    const extent = (await volume.extents(file)).find(
      ({ logical, length, unwritten }) => !unwritten && logical + length > from,
    )
    if (extent === undefined || extent.physical + Math.max(0, from - extent.logical) !== first) moved.push(path)
  }
  const sameFilesystem = list.uuid === uuid
  const sameMetadata =
    planned &&
    planned.ranges.length === list.ranges.length &&
    planned.ranges.every(({ skip, count }, i) => list.ranges[i]!.skip === skip && list.ranges[i]!.count === count)
  const sameFiles =
    planned === undefined ||
    (planned.files.length === list.files.length && planned.files.every(({ path }, i) => list.files[i]!.path === path))
  return {
    files: firsts.size,
    gone,
    moved,
    sameFilesystem,
    ...(sameMetadata !== undefined && { sameMetadata }),
    stale: !sameFilesystem || gone.length > 0 || moved.length > 0 || sameMetadata === false || !sameFiles,
  }
}
