import { existsSync } from 'node:fs'
import glob from 'fast-glob'
import { usageError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'

/**
 * Names of files as they are, patterns as the files they match, sorted: for lists too
 * long for the shell, and for scripts that want the same order everywhere. A name
 * that exists is never taken for a pattern.
 * @throws usage for a pattern that matches nothing
 */
export async function expandPatterns(words: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const word of words) {
    if (word === '-' || existsSync(word) || !glob.isDynamicPattern(word)) {
      files.push(word)
      continue
    }
    const found = (await glob(word, { onlyFiles: true, followSymbolicLinks: false })).sort()
    if (found.length === 0) throw usageError('no-match', `Nothing matches ${escapePath(word)}.`)
    files.push(...found)
  }
  return files
}
