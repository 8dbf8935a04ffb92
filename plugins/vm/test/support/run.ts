import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a program while this process goes on serving it; throws with what it printed when it fails. */
export async function runBeside(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: 50_000, maxBuffer: 1 << 26 })
  return stdout
}
