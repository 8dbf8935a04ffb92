import type { Trace } from 'bootpack'
import type { TraceRead } from 'bootpack/types'
import { chance } from './fleet-generator.js'

/** Small boots full of what is rare elsewhere: overlapping and empty reads, links, reads to the end, odd names, no times, and programs that do not agree on who reads. */
export function randomBoots(seed: number): Trace[] {
  const random = chance(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const paths = ['/a', '/a/b', '/etc/x', '/é/ü', "/it's", '/tab\there', '/\udcff\udc80', '/\uf700', '/home/me/x']
  const programs = ['init', '/sbin/init', "it's", '/\udcff\udc80', '\uf700', 'é\tü', '😀', '\uffee']
  const read = (): TraceRead => {
    const kind = (['data', 'data', 'data', 'directory', 'metadata'] as const)[below(5)]!
    const ino = random() < 0.7 ? 1 + below(6) : undefined
    const path = random() < 0.6 || (ino === undefined && kind !== 'metadata') ? paths[below(paths.length)] : undefined
    const what = kind === 'metadata' ? (['tree', 'inode-table', 'xattr', 'inode'] as const)[below(4)] : undefined
    return {
      ...(random() < 0.8 ? { t: below(50) } : {}),
      ...(ino === undefined ? {} : { ino }),
      ...(path === undefined ? {} : { path }),
      off: 10 * below(6),
      ...(random() < 0.8 ? { len: 10 * below(5) } : {}),
      kind,
      ...(what === undefined ? {} : { what }),
      ...(random() < 0.2 ? { dev: `8:${below(2)}` } : {}),
      ...(random() < 0.6 ? { by: programs[below(programs.length)]! } : {}),
      ...(random() < 0.4 ? { unit: `unit-${below(3)}.service` } : {}),
      ...(random() < 0.1 ? { odd: [1, '\n'] } : {}),
    }
  }
  return Array.from({ length: 1 + below(6) }, (_, i) => ({
    header: {
      bootpack: 'trace' as const,
      version: 1 as const,
      source: ['tracefs', 'list'][below(2)]!,
      recorded: `2026-11-0${1 + below(3)}T00:00:0${i}Z`,
      ...(random() < 0.5 ? { kernel: '6.1' } : {}),
      ...(random() < 0.3 ? { lost: below(3) } : {}),
    },
    reads: Array.from({ length: below(40) }, read),
    bad: { count: below(2), examples: [] },
  }))
}
