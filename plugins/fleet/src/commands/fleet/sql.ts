import { Flags } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { dialects, queriesOf, type Dialect } from '../../sql/dialects.js'

export interface FleetSql {
  readonly dialect: Dialect
  /** What each query answers, and its text. */
  readonly queries: readonly { readonly name: string; readonly says: string; readonly sql: string }[]
}

export default class FleetSqlCommand extends BootpackCommand {
  static override summary = 'Print the queries of a merge, to run them elsewhere.'
  static override description = `These questions are all that fleet merge asks of a database: which distinct
reads there are, which segments how many boots touch, which place a segment
has among those of a boot, who reads it and when. docs/fleet.md tells what
is done with the answers.`
  static override examples = [
    '<%= config.bin %> fleet sql --dialect duckdb',
    '<%= config.bin %> fleet sql --dialect clickhouse --setup --cluster fleet',
  ]
  static override flags = {
    dialect: Flags.option({ description: 'whose SQL', options: dialects, default: 'duckdb' as const })(),
    setup: Flags.boolean({ description: 'the statements that make the tables instead' }),
    upgrade: Flags.boolean({
      description: 'the statements that bring tables of an earlier bootpack up to date instead',
      exclusive: ['setup'],
    }),
    cluster: Flags.string({ description: 'clickhouse: tables spread over this cluster', helpValue: 'NAME' }),
    tables: Flags.string({
      description: 'what the names of the tables begin with',
      default: 'bootpack_',
      helpValue: 'PREFIX',
    }),
  }

  async run(): Promise<FleetSql> {
    const { flags } = await this.parse(FleetSqlCommand)
    const queries = queriesOf(flags.dialect, flags)
    for (const { says, sql } of queries) this.log(`-- ${says}\n${sql.trim()};\n`)
    return { dialect: flags.dialect, queries }
  }
}
