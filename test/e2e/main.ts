/**
 * `npm run e2e [-- --folder FOLDER] [--size MIB] [--suite NAME] [--tarball FILE] [--show]`: makes a Debian
 * machine from packages, types the README's recipe into it, and boots it until all is done.
 * Needs root, loop devices, debootstrap and QEMU; where one is missing it says so and ends
 * with 0, but for --must.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { hasTool, isRoot, scratchFolder } from '../support/tools.js'
import { recipe } from './recipe.js'
import { Stage } from './stage.js'

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    size: { type: 'string', default: '700' },
    tarball: { type: 'string' },
    suite: { type: 'string', default: 'bookworm' },
    show: { type: 'boolean', default: false },
    must: { type: 'boolean', default: false },
  },
})

const missing = [
  ...(isRoot ? [] : ['root']),
  ...['debootstrap', 'qemu-system-x86_64', 'sfdisk', 'losetup', 'filefrag', 'e2fsck', 'cpio'].filter(
    (tool) => !hasTool(tool),
  ),
]
if (missing.length > 0) {
  process.stdout.write(`The machine is not booted: there is no ${missing.join(', no ')}.\n`)
  process.exit(values.must ? 1 : 0)
}

const tarball = values.tarball === undefined ? released() : resolve(values.tarball)
const scratch = values.folder === undefined ? scratchFolder() : undefined
const began = Date.now()
const say = (text: string): void => {
  process.stdout.write(`[${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s] ${text}\n`)
}
try {
  const stage = new Stage({
    folder: resolve(values.folder ?? scratch!.path),
    tarball,
    suite: values.suite,
    size: Number(values.size),
    ...(values.show && { onText: (text: string) => process.stderr.write(text) }),
  })
  stage.make(say)
  await recipe(stage, say)
  say('All is as it should be.')
} finally {
  scratch?.remove()
}

/** The package as people get it. */
function released(): string {
  const built = spawnSync('npm', ['run', '--silent', 'release'], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (built.status !== 0) throw new Error('npm run release failed')
  const name = readdirSync('.').find((each) => /^bootpack-\d.*\.tgz$/.test(each))
  if (name === undefined) throw new Error('npm run release made no package')
  return join(process.cwd(), name)
}
