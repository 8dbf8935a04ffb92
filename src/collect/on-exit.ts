/**
 * What must be undone however the process ends: at its end, after an error nobody
 * caught, when the terminal goes away, and at the second Ctrl-C. The first Ctrl-C or
 * polite kill is left to the command, which stops in order. Only kill -9 gets by; for
 * that the next run looks for what was left.
 */
const atOnce = ['SIGHUP', 'SIGQUIT'] as const
const atSecond = ['SIGINT', 'SIGTERM'] as const
const numbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const

/**
 * @param undo synchronous, and harmless when called twice
 * @returns call it when nothing is left to undo
 */
export function onWayOut(undo: () => void): () => void {
  let asked = false
  const leave = (name: keyof typeof numbers): void => {
    try {
      undo()
    } finally {
      process.exit(128 + numbers[name])
    }
  }
  const leaveAtSecond = (name: keyof typeof numbers): void => {
    if (asked) leave(name)
    asked = true
  }
  process.on('exit', undo)
  for (const name of atOnce) process.on(name, leave)
  for (const name of atSecond) process.on(name, leaveAtSecond)
  return () => {
    process.off('exit', undo)
    for (const name of atOnce) process.off(name, leave)
    for (const name of atSecond) process.off(name, leaveAtSecond)
  }
}
