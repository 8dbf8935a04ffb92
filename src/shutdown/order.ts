/**
 * What is to be done when the machine goes down: a command of bootpack's own command
 * line, with the files it needs beside it. It is kept as JSON in the state folder from
 * the moment it is given until it has been carried out.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { corrupt, refused } from '../errors.js'
import { changeableByOthers } from '../host/root-only.js'
import { names, stateFolder } from './places.js'

export const commands = ['pack', 'apply', 'undo'] as const
export type OrderedCommand = (typeof commands)[number]

/** A word of the command line, or what stands for one that is known only then. */
export type OrderWord =
  | string
  /** The device of the filesystem. */
  | { readonly stands: 'target' }
  /** A file that was put into the state folder. */
  | { readonly stands: 'input'; readonly name: string }
  /** A file that is put in its place when the filesystem is mounted again. */
  | { readonly stands: 'output'; readonly name: string }

export interface OrderedOutput {
  /** As in the word that stands for it. */
  readonly name: string
  /** Absolute path on the machine. */
  readonly to: string
}

/** A filesystem that is mounted while the machine runs. */
export interface OrderedMount {
  readonly mountPoint: string
  /** '/dev/vda2'. */
  readonly device: string
  readonly type: string
  /** The filesystem's own options, as the kernel tells them. */
  readonly options: string
}

export interface Order {
  readonly version: 1
  /** Random, so that an outcome can be told to be this order's. */
  readonly id: string
  /** ISO 8601. */
  readonly made: string
  readonly command: OrderedCommand
  readonly words: readonly OrderWord[]
  /** Names of files in the state folder. */
  readonly inputs: readonly string[]
  readonly outputs: readonly OrderedOutput[]
  readonly filesystem: OrderedMount & { readonly uuid: string }
  /** The root, and after it what else must be mounted to write down what became of it. */
  readonly mounts: readonly OrderedMount[]
  /** Seconds the machine may be kept from going down. */
  readonly limit: number
  /** Seconds it is expected to take. */
  readonly estimate: number
  /** Bytes of memory it needs. */
  readonly memory: number
  /** The trace the list of preload is made from, an input, if there is a list. */
  readonly preloadTrace?: string
  /** Folders that were made for it, from the root, without a leading slash. */
  readonly folders: readonly string[]
  /** How often it was begun and not finished. */
  readonly tries: number
}

/** After so many attempts that came to nothing the order is taken back. */
export const mostTries = 3

export const orderFile = (folder = stateFolder): string => join(folder, names.order)

/**
 * @returns undefined when there is none
 * @throws refused when it is not root's own file, corrupt when it is no order
 */
export function readOrder(folder = stateFolder): Order | undefined {
  const path = orderFile(folder)
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return undefined
  if (!stats.isFile() || changeableByOthers(path) !== undefined)
    throw refused(
      'not-roots-own',
      `${path} is no file that only root can write; nothing is done from it.`,
      'Look at what it is, and remove it.',
    )
  return parseOrder(readFileSync(path, 'utf8'), path)
}

/** @throws corrupt */
export function parseOrder(text: string, path: string): Order {
  let order: Partial<Order>
  try {
    order = (JSON.parse(text) ?? {}) as Partial<Order>
  } catch {
    order = {}
  }
  const { version, command, words, inputs, outputs, filesystem, mounts } = order
  const whole =
    version === 1 &&
    commands.includes(command!) &&
    [words, inputs, outputs, mounts, order.folders].every(Array.isArray) &&
    typeof filesystem?.uuid === 'string' &&
    [order.limit, order.estimate, order.memory, order.tries].every(Number.isFinite) &&
    [...inputs!, ...outputs!.map(({ name }) => name)].every(isPlainName)
  if (!whole)
    throw corrupt(
      'order',
      Number(version ?? 0),
      `${path} holds no order that this version of bootpack can carry out`,
      'Take it back with `bootpack shutdown cancel`, and give it again.',
    )
  return order as Order
}

/** Names of files that are put together with folders of ours. */
const isPlainName = (name: unknown): boolean => typeof name === 'string' && /^[\w][\w.-]*$/.test(name)

export interface Places {
  /** Of the filesystem. */
  readonly target: string
  readonly inputs: string
  readonly outputs: string
}

/** The command line, with what stands for something put in. */
export const commandLine = ({ command, words }: Pick<Order, 'command' | 'words'>, places: Places): string[] => [
  command,
  ...words.map((word) => {
    if (typeof word === 'string') return word
    switch (word.stands) {
      case 'target':
        return places.target
      case 'input':
        return join(places.inputs, word.name)
      case 'output':
        return join(places.outputs, word.name)
    }
  }),
]
