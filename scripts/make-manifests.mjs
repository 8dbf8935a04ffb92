// Writes oclif.manifest.json for bootpack and its plugins, where it is older than the
// build: what commands there are, so that starting one does not load all of them.
import { Plugin } from '@oclif/core'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isManifestFresh, manifestName } from '../dist/cli/session/manifest.js'

const home = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

function isFresh(root) {
  try {
    return isManifestFresh(
      root,
      [root, home],
      Object.keys(JSON.parse(readFileSync(join(root, manifestName), 'utf8')).commands),
    )
  } catch {
    return false
  }
}

for (const root of [home, ...readdirSync(join(home, 'plugins')).map((name) => join(home, 'plugins', name))]) {
  if (isFresh(root)) continue
  const plugin = new Plugin({ type: 'core', root, ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  const file = join(root, manifestName)
  writeFileSync(`${file}.new`, JSON.stringify(plugin.manifest))
  renameSync(`${file}.new`, file)
}
