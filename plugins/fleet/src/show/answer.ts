/** A question, asked and put into tables. */
import { usageError } from 'bootpack/engine'
import { bytes, count, escapePath, seconds } from 'bootpack/text'
import { literal, type Database } from '../duckdb/database.js'
import type { Sources } from '../duckdb/engine.js'
import { drift, images, slow, support } from './questions.js'
import type { PageTable } from './page.js'

export interface Answer {
  readonly title: string
  readonly data: unknown
  readonly tables: readonly { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] }[]
  readonly pages: readonly PageTable[]
  /** What to say when there is nothing in them. */
  readonly nothing: string
}

export interface AnswerOptions {
  readonly image?: string | undefined
  readonly since?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
const time = (duration: number | null): string => (duration === null ? '-' : seconds(duration / 1000))

/** @throws usage when what the question is about was not said */
export async function answer(
  question: 'images' | 'support' | 'drift' | 'slow',
  database: Database,
  sources: Sources,
  options: AnswerOptions,
): Promise<Answer> {
  switch (question) {
    case 'images':
      return imagesAnswer(await images(database, sources))
    case 'support':
      return supportAnswer(needImage(options), await support(database, sources, needImage(options)))
    case 'drift': {
      const { title, before, after } = driftSides(options)
      return driftAnswer(title, await drift(database, sources, before, after))
    }
    case 'slow':
      return slowAnswer(needImage(options), await slow(database, sources, needImage(options)))
  }
}

function needImage({ image }: AnswerOptions): string {
  if (image !== undefined) return image
  throw usageError('no-image', 'Of which image was not said.', 'Give --image ID; `fleet show images` lists them.')
}

function driftSides(options: AnswerOptions): { title: string; before: string; after: string } {
  const { from, to, since } = options
  if (from !== undefined && to !== undefined)
    return { title: `From ${from} to ${to}`, before: `image = ${literal(from)}`, after: `image = ${literal(to)}` }
  if (since === undefined)
    throw usageError('no-sides', 'What to compare was not said.', 'Give --from and --to, or --image and --since.')
  const image = `image = ${literal(needImage(options))}`
  return {
    title: `${needImage(options)} before and since ${since}`,
    before: `${image} and day < ${literal(since)}`,
    after: `${image} and day >= ${literal(since)}`,
  }
}

function imagesAnswer(data: Awaited<ReturnType<typeof images>>): Answer {
  const header = ['image', 'boots', 'machines', 'from', 'to', 'reads', 'median time']
  const rows = data.map((row) => [
    row.image,
    count(row.boots),
    count(row.machines),
    row.from,
    row.to,
    count(row.reads),
    time(row.duration),
  ])
  const title = 'Images of this fleet'
  return { title, data, tables: [{ header, rows }], pages: [{ title, header, rows }], nothing: 'There are no boots.' }
}

function supportAnswer(image: string, data: Awaited<ReturnType<typeof support>>): Answer {
  const bandHeader = ['read by', 'files', 'bytes']
  const bandRows = data.bands.map(({ from, to, files, bytes: size }) => [
    `${from * 100} to ${to * 100} % of boots`,
    count(files),
    bytes(size),
  ])
  const header = ['file', 'boots', 'bytes']
  const rows = data.files.map(({ path, share, bytes: size }) => [escapePath(path), percent(share), bytes(size)])
  const pageRows = data.files.slice(0, 500).map(({ path, share, bytes: size }) => [path, bytes(size), share])
  return {
    title: `What boots of ${image} read`,
    data,
    tables: [
      { header: bandHeader, rows: bandRows },
      { header, rows },
    ],
    pages: [
      { title: 'By how many boots', header: bandHeader, rows: bandRows },
      { title: 'Files', header: ['file', 'bytes', 'boots'], rows: pageRows, bar: 2 },
    ],
    nothing: `There are no boots of ${image}.`,
  }
}

function driftAnswer(title: string, data: Awaited<ReturnType<typeof drift>>): Answer {
  const header = ['file', 'before', 'after', 'bytes']
  const rows = data.map(({ path, before, after, bytes: size }) => [
    escapePath(path),
    percent(before),
    percent(after),
    bytes(size),
  ])
  return { title, data, tables: [{ header, rows }], pages: [{ title, header, rows }], nothing: 'Nothing changed.' }
}

function slowAnswer(image: string, data: Awaited<ReturnType<typeof slow>>): Answer {
  const header = ['machine', 'boots', 'median', 'of the fleet', 'files only it reads']
  const rows = data.map(({ machine, boots, duration, times, alone }) => [
    machine.slice(0, 12),
    count(boots),
    time(duration),
    `${times.toFixed(1)}x`,
    alone
      .slice(0, 2)
      .map(({ path }) => escapePath(path))
      .join(' ') || '-',
  ])
  const title = `Slow machines of ${image}`
  const pages = data.map(({ machine, alone }) => ({
    title: `Only ${machine.slice(0, 12)} reads`,
    header: ['file', 'bytes', 'of its boots'],
    rows: alone.map(({ path, bytes: size, share }) => [path, bytes(size), share]),
    bar: 2,
  }))
  return {
    title,
    data,
    tables: [{ header, rows }],
    pages: [{ title, header, rows }, ...pages],
    nothing: 'No machine is half as slow again as the others.',
  }
}
