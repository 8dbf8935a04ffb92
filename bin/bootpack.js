#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { arch, homedir, platform, release } from 'node:os'
import { setFlagsFromString } from 'node:v8'

// Most runs last a second or two, and by default Node 20's V8 spends a good part of that on
// optimising functions that are about to end. The flag is that version's own: another would
// print that it does not know it.
if (process.versions.v8.startsWith('11.3.')) setFlagsFromString('--interrupt-budget=300000')

// oclif asks for the home folder and the shell while it is being loaded, and throws where nobody can tell: a user
// without a passwd entry, as containers have them, and the environment a machine shuts down in. It needs neither.
let home = ''
try {
  home = homedir()
} catch {
  // Below.
}
if (home === '') process.env.HOME = '/'
process.env.SHELL ??= '/bin/sh'

const [, , word] = process.argv
// The version alone needs no command line, and scripts ask for it often. oclif has a name of its own for Linux under Windows.
if ((word === '--version' || word === '-v') && !/microsoft/i.test(release())) {
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`${name}/${version} ${platform()}-${arch()} node-${process.version}\n`)
} else {
  const { launch } = await import('../dist/cli/session/launch.js')
  await launch(process.argv.slice(2))
}
