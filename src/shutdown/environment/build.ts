/**
 * The environment that is left when everything else is down: a folder in memory that
 * becomes the root, with Node, bootpack, the libraries they need, a shell, and the order.
 *
 * Files keep their paths, so that programs, run paths and modules find each other as
 * they do while the machine runs. Process 1 will be the shell, with the script
 * share/shutdown/shutdown.sh: should anything go wrong with Node, that brings the machine
 * down with what is built into a shell, and `sleep`.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unsupported } from '../../errors.js'
import { orderFile, type Order } from '../order.js'
import { names, orderFolder, outputFolder, stateFolder } from '../places.js'
import { loaderOf, neededLibraries } from './libraries.js'
import { Mirror } from './mirror.js'
import { packageFolders } from './package-folders.js'

export interface Program {
  /** Folder of bootpack. */
  readonly home: string
  /** Path of Node. */
  readonly node: string
}

const folders = ['proc', 'sys', 'dev', 'run', 'tmp', 'oldroot', 'next', 'etc'] as const

/** Of any package, what a program does not run by. */
const notRun = /^node_modules$|\.(?:map|d\.[cm]?ts|md)$/

/** What is run of bootpack itself; in a checkout there is more beside it. */
const ownParts = /^(?:bin|dist|share|package\.json|oclif\.manifest\.json)(?:\/|$)/

/** What is needed for no command an order may hold. */
const notNeeded = (name: string): boolean => name.startsWith('@bootpack/') || name === '@oclif/plugin-help'

/** Programs process 1 uses, besides Node. */
const shell = '/bin/sh'
const sleepAt = ['/bin/sleep', '/usr/bin/sleep']

/**
 * @param into an empty folder on a filesystem in memory
 * @returns bytes of the files
 * @throws refused when others than root could change one of them; unsupported, io
 */
export function buildEnvironment(into: string, { home, node }: Program): number {
  const mirror = new Mirror(into)
  const realNode = realpathSync(node)
  addProgram(mirror, realNode)
  addProgram(mirror, shell)
  const sleep = sleepAt.find((path) => existsSync(path))
  if (sleep === undefined) throw unsupported('no-sleep', 'There is no program sleep on this machine.')
  addProgram(mirror, sleep)
  // Where libraries lie that are not in the folders every loader knows.
  if (existsSync('/etc/ld.so.cache')) mirror.add('/etc/ld.so.cache')
  const [own, ...others] = packageFolders(home, notNeeded)
  addPackage(mirror, own!, loaderOf(realNode), (path) => ownParts.test(path))
  for (const folder of others) addPackage(mirror, folder, loaderOf(realNode))
  for (const folder of folders) mkdirSync(join(into, folder), { recursive: true, mode: 0o755 })
  // Nobody looks up names there, and what asks for the user gets an answer.
  writeFileSync(join(into, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n')
  // The script runs it by a path that is the same everywhere.
  writeFileSync(join(into, 'program'), `${realNode}\n${realpathSync(home)}\n`)
  return mirror.bytes
}

function addProgram(mirror: Mirror, path: string): void {
  mirror.add(path)
  for (const library of neededLibraries(realpathSync(path))) mirror.add(library)
}

function addPackage(
  mirror: Mirror,
  folder: string,
  loader: string | undefined,
  wanted: (path: string) => boolean = () => true,
): void {
  mirror.addTree(folder, (path) => {
    if (notRun.test(path) || !wanted(path)) return false
    if (path.endsWith('.node')) {
      // koffi brings one for each C library.
      if (/(?:^|\/)musl_/.test(path) !== (loader?.includes('musl') ?? false)) return false
      for (const library of neededLibraries(join(folder, path), loader)) mirror.add(library)
    }
    return true
  })
}

/** Puts the order and what it needs into an environment. */
export function addOrder(into: string, { inputs }: Order, from = stateFolder): void {
  const to = join(into, orderFolder)
  mkdirSync(to, 0o700)
  mkdirSync(join(into, outputFolder), 0o700)
  copyFileSync(orderFile(from), join(to, names.order))
  for (const name of inputs) copyFileSync(join(from, name), join(to, name))
}

/** The last step: from here on systemd will take it. */
export function addEntry(into: string, home: string): void {
  const fresh = join(into, 'shutdown.new')
  copyFileSync(join(home, 'share/shutdown/shutdown.sh'), fresh)
  chmodSync(fresh, 0o755)
  renameSync(fresh, join(into, 'shutdown'))
}
