/** e4defrag in a process of its own, from source. */
import { spawnSync } from 'node:child_process'

const repository = new URL('../..', import.meta.url).pathname
const program = `
  import { main } from '${repository}src/e4defrag/main.ts'
  process.exitCode = await main(process.argv.slice(1))`

export interface Printed {
  readonly status: number | null
  /** Bytes as latin1 text. */
  readonly out: string
  readonly error: string
}

/** Prefix: a program that runs it, with its arguments, such as strace. */
export function e4defrag(
  given: readonly string[],
  options: { readonly prefix?: readonly string[]; readonly cwd?: string } = {},
): Printed {
  const command = [
    ...(options.prefix ?? []),
    process.execPath,
    `--import=${repository}node_modules/tsx/dist/esm/index.mjs`,
    '--input-type=module',
    '-e',
    program,
    '--',
    ...given,
  ]
  return print(command, options.cwd)
}

export const mainline = (given: readonly string[], cwd?: string): Printed => print(['e4defrag', ...given], cwd)

function print([command, ...rest]: readonly string[], cwd?: string): Printed {
  const ran = spawnSync(command!, rest, {
    cwd,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' },
  })
  if (ran.error) throw ran.error
  return { status: ran.status, out: ran.stdout, error: ran.stderr }
}
