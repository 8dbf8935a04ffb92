/**
 * The libraries a program is loaded with. The loader the program names is asked itself
 * (`--list`, as ldd does): only it knows all of its rules, the cache, run paths and
 * what this processor can do. glibc's and musl's alike.
 */
import { spawnSync } from 'node:child_process'
import { ioError } from '../../errors.js'
import { elfInterpreter } from './elf-interpreter.js'

/**
 * @param loader for a library, which names none: that of the program that loads it
 * @returns absolute paths, the loader first; nothing for a static program or a script
 * @throws io when the loader does not find one of them
 */
export function neededLibraries(path: string, loader?: string): string[] {
  const elf = elfInterpreter(path)
  const asked = elf.kind === 'dynamic' ? elf.interpreter : elf.kind === 'without-interpreter' ? loader : undefined
  if (asked === undefined) return []
  const { status, error, stdout, stderr } = spawnSync(asked, ['--list', path], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  })
  if (error || status !== 0)
    throw ioError(`${asked} does not say which libraries ${path} needs: ${error?.message ?? stderr.trim()}`)
  const libraries = parseList(stdout)
  const missing = /^\s*(\S+) => not found/m.exec(stdout)
  if (missing) throw ioError(`${path} needs ${missing[1]}, which is not installed.`)
  return [asked, ...libraries.filter((library) => library !== asked)]
}

/** Lines of `--list`: 'libc.so.6 => /lib/libc.so.6 (0x7f…)', and for the loader '/lib64/ld.so (0x7f…)'. */
export const parseList = (text: string): string[] =>
  [...text.matchAll(/^\s*(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map(([, path]) => path!)

/** The loader of a program; undefined when it needs none. */
export function loaderOf(path: string): string | undefined {
  const elf = elfInterpreter(path)
  return elf.kind === 'dynamic' ? elf.interpreter : undefined
}
