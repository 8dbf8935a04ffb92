// Writes the completion scripts of all shells into completions/, under the names those
// shells look for.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const home = new URL('..', import.meta.url).pathname
for (const [shell, name] of [
  ['bash', 'bootpack'],
  ['zsh', '_bootpack'],
  ['fish', 'bootpack.fish'],
]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, 'bin/bootpack.js'), 'completion', shell], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  mkdirSync(join(home, 'completions', shell), { recursive: true })
  writeFileSync(join(home, 'completions', shell, name), stdout)
}
