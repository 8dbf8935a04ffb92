/**
 * A filesystem with two files and what an independent oracle says of them, for the
 * tests of the calls: the same sentences are tested on every engine.
 *
 * The tree: /data (24 blocks of text, a hole at 8 to 11, half a block at the end),
 * /space (empty), /other (3 blocks), /folder.
 */
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockSpace, SpaceFile } from '../../src/volume/block-space.js'
import { openBlockSpace } from '../../src/blocks/open-space.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import type { Extent } from '../../src/layout/extent.js'
import { LiveVolume } from '../../src/mounted/engine/volume.js'
import { findMounted } from '../../src/mounted/engine/filesystem.js'
import { resolveTarget } from '../../src/volume/target.js'
import { extent, mergeExtents } from '../../src/layout/extent.js'
import { debugfs, debugfsWrite, makeImage, checkImage, type ImageRecipe } from '../support/images.js'
import { run, scratchFolder } from '../support/tools.js'

export const names = ['data', 'space', 'other'] as const
export type Name = (typeof names)[number]

export interface StageOptions extends Omit<ImageRecipe, 'size' | 'tree'> {
  readonly size?: number
  readonly readOnly?: boolean
}

export interface Stage {
  readonly space: BlockSpace
  readonly blockSize: number
  /** Inode numbers. */
  inode(path: string): number
  /** Where others see the file, if they do. */
  path?(name: Name): string
  open(name: Name): Promise<SpaceFile>
  /** The oracle's word: bytes of a file. */
  content(name: Name): Promise<Buffer>
  /** The oracle's word: where it lies, joined. */
  layout(name: Name): Promise<Extent[]>
  /** The oracle's word: whether the filesystem marks a block as in use. */
  inUse(block: number): Promise<boolean>
  /** Ends everything; throws when e2fsck finds anything. */
  finish(): Promise<void>
}

export const dataBlocks = 24

/** Every block of /data begins with its number; the last is half full. */
export function dataText(blockSize: number): Buffer {
  const text = Buffer.concat(
    Array.from({ length: dataBlocks }, (_, block) =>
      block >= 8 && block < 12 ? Buffer.alloc(blockSize) : Buffer.alloc(blockSize, `data ${block} `),
    ),
  )
  return text.subarray(0, text.length - blockSize / 2)
}

export function makeStageImage(path: string, { readOnly: _, ...recipe }: StageOptions): void {
  const blockSize = recipe.blockSize ?? 4096
  const scratch = scratchFolder()
  try {
    const tree = join(scratch.path, 'tree')
    mkdirSync(join(tree, 'folder'), { recursive: true })
    const text = dataText(blockSize)
    const data = openSync(join(tree, 'data'), 'w')
    writeSync(data, text, 0, 8 * blockSize, 0)
    writeSync(data, text, 12 * blockSize, text.length - 12 * blockSize, 12 * blockSize)
    closeSync(data)
    writeFileSync(join(tree, 'space'), '')
    writeFileSync(join(tree, 'other'), Buffer.alloc(3 * blockSize, 'other '))
    makeImage(path, { size: 24 << 20, blockSize, ...recipe, tree })
    // What mke2fs made of the hole is not taken for granted.
    if (!recipe.features?.includes('^extent')) debugfsWrite(path, ['punch /data 8 11'])
    checkImage(path)
  } finally {
    scratch.remove()
  }
}

export const inodeNumber = (image: string, path: string): number =>
  Number(/^Inode: (\d+)/m.exec(debugfs(image, `stat ${path}`))![1])

/** Extents as debugfs prints them. */
export const layoutInImage = (image: string, path: string): Extent[] => layoutInText(debugfs(image, `stat ${path}`))

/** @param stat what debugfs says of a file */
export function layoutInText(stat: string): Extent[] {
  const body = stat.split(/^(?:EXTENTS|BLOCKS):$/m)[1] ?? ''
  return mergeExtents(
    [...body.matchAll(/\((\d+)(?:-(\d+))?(\[u\])?\):(\d+)/g)].map(([, first, last, flag, physical]) =>
      extent(Number(first), Number(physical), Number(last ?? first) - Number(first) + 1, flag !== undefined),
    ),
  )
}

export async function imageStage(options: StageOptions = {}): Promise<Stage> {
  const scratch = scratchFolder()
  const image = join(scratch.path, 'stage.img')
  makeStageImage(image, options)
  const volume = await ImageVolume.open(
    await Filesystem.open(await FileStore.open(image, { writable: !options.readOnly })),
  )
  const space = openBlockSpace(volume)
  return {
    space,
    blockSize: options.blockSize ?? 4096,
    inode: (path) => inodeNumber(image, path),
    open: (name) => space.open(inodeNumber(image, `/${name}`)),
    content: async (name) => {
      await space.settle()
      run('debugfs', ['-R', `dump /${name} ${join(scratch.path, 'dump')}`, image])
      return readFileSync(join(scratch.path, 'dump'))
    },
    layout: async (name) => {
      await space.settle()
      return layoutInImage(image, `/${name}`)
    },
    inUse: async (block) => {
      await space.settle()
      return debugfs(image, `testb ${block}`).includes('marked in use')
    },
    finish: async () => {
      try {
        await volume.close()
        checkImage(image)
      } finally {
        scratch.remove()
      }
    },
  }
}

/** Extents as filefrag prints them. */
export function layoutOfFile(path: string, blockSize: number): Extent[] {
  const { stdout } = run('filefrag', ['-v', '-s', `-b${blockSize}`, path])
  return mergeExtents(
    [...stdout.matchAll(/^ *\d+: +(\d+)\.\. *(\d+): +(\d+)\.\. *\d+: +\d+:(.*)$/gm)].map(
      ([, first, last, physical, flags]) =>
        extent(Number(first), Number(physical), Number(last) - Number(first) + 1, flags!.includes('unwritten')),
    ),
  )
}

/** The engine for a mounted filesystem, asked for by itself. */
export const openMounted = (mountPoint: string, write: boolean): Promise<LiveVolume> =>
  LiveVolume.open(findMounted(resolveTarget(mountPoint))!, write)

/** The same filesystem mounted through a loop device; by root only. */
export async function liveStage(options: StageOptions = {}): Promise<Stage> {
  const scratch = scratchFolder()
  const image = join(scratch.path, 'stage.img')
  const mountPoint = join(scratch.path, 'mounted')
  makeStageImage(image, { size: 300 << 20, ...options })
  mkdirSync(mountPoint)
  run('mount', ['-o', 'loop', image, mountPoint])
  try {
    const volume = await openMounted(mountPoint, !options.readOnly)
    const space = openBlockSpace(volume)
    const blockSize = options.blockSize ?? 4096
    return {
      space,
      blockSize,
      inode: (path) => statSync(join(mountPoint, path)).ino,
      path: (name) => join(mountPoint, name),
      open: (name) => space.open(statSync(join(mountPoint, name)).ino),
      content: (name) => Promise.resolve(readFileSync(join(mountPoint, name))),
      layout: (name) => Promise.resolve(layoutOfFile(join(mountPoint, name), blockSize)),
      inUse: (block) => {
        run('sync', ['-f', mountPoint])
        return Promise.resolve(debugfs(volume.mounted.device, `testb ${block}`).includes('marked in use'))
      },
      finish: async () => {
        try {
          await volume.close()
        } finally {
          run('umount', [mountPoint])
        }
        checkImage(image)
        scratch.remove()
      },
    }
  } catch (error) {
    run('umount', [mountPoint])
    scratch.remove()
    throw error
  }
}
