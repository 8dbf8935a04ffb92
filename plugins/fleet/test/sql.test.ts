/** What `fleet sql` prints, read by the grammars of those it is for. */
import { expect } from 'chai'
import { dialects, queriesOf } from '../src/sql/dialects.js'

interface Grammar {
  validate(sql: string): readonly { readonly message: string }[]
}

/** The package's own types need a bundler. It parses with the grammars of Trino and of Spark themselves. */
const grammars = async (): Promise<Readonly<Record<'TrinoSQL' | 'SparkSQL', new () => Grammar>>> =>
  (await import('dt-sql-parser')) as unknown as Readonly<Record<'TrinoSQL' | 'SparkSQL', new () => Grammar>>

describe('the SQL that is printed', () => {
  for (const [dialect, name] of [
    ['trino', 'TrinoSQL'],
    ['spark', 'SparkSQL'],
  ] as const)
    it(`is ${dialect}'s by its grammar, of queries, tables and upgrades`, async function () {
      this.timeout(60_000)
      const grammar = new (await grammars())[name]()
      expect(grammar.validate('select (a from t;')).not.to.deep.equal([])
      for (const what of [{}, { setup: true }, { upgrade: true }])
        for (const { name: query, sql } of queriesOf(dialect, { ...what, tables: 'bootpack_' }))
          expect(grammar.validate(`${sql};`), `${query}: ${sql}`).to.deep.equal([])
    })

  it('names the same questions in every dialect', () => {
    for (const dialect of dialects)
      expect(queriesOf(dialect, { tables: '' }).map(({ name }) => name)).to.deep.equal(
        queriesOf('duckdb', { tables: '' }).map(({ name }) => name),
      )
  })
})
