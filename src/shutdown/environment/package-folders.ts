/**
 * The folders of the packages bootpack is made of: its own, and those of what it
 * depends on, found as Node finds them, by going up through folders node_modules.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * @param home folder of bootpack
 * @param leaveOut whether a dependency is not needed
 * @returns real paths, bootpack's first; what is not installed is left out, as optional ones may be
 */
export function packageFolders(home: string, leaveOut: (name: string) => boolean): string[] {
  const found = new Set([realpathSync(home)])
  for (const folder of found) {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    ) as PackageFile
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const at = leaveOut(name) ? undefined : findPackage(name, folder)
      if (at !== undefined) found.add(at)
    }
  }
  return [...found]
}

function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate)
    if (folder === dirname(folder)) return undefined
  }
}
