/** Raised by the first Ctrl-C or polite kill; the second ends the process. */
export function interruption(): AbortSignal {
  const aborter = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => aborter.abort())
  return aborter.signal
}
