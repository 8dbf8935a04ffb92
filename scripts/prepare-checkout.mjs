// Makes a checkout ready to run: installs the dependencies when they are missing
// or older than the lock file, then builds. A second run costs a second.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

process.chdir(new URL('..', import.meta.url).pathname)
if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error')
}
run('npm', 'run', '--silent', 'build')
