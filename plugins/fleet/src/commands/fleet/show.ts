import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { usageError } from 'bootpack/engine'
import { checkMemory, memoryFlag } from '../../cli/engine-flags.js'
import { checkDay } from '../../cli/days.js'
import type { Answer } from '../../show/answer.js'

const questions = ['images', 'support', 'drift', 'slow'] as const

export default class FleetShowCommand extends BootpackCommand {
  static override summary = 'Show what a fleet reads: by how many, what changed, and who is slow.'
  static override description = `images   which images there are, how many boots of each, and how long they take
support  what share of an image's boots reads which files
drift    what another share reads than before: between two images (--from,
         --to), or before and after a day (--image, --since)
slow     machines whose boots take half as long again as others', and the
         files that they alone read`
  static override examples = [
    '<%= config.bin %> fleet show images fleet/',
    '<%= config.bin %> fleet show support fleet/ --image router-2026.11',
    '<%= config.bin %> fleet show drift fleet/ --from router-2026.10 --to router-2026.11 --html drift.html',
  ]
  static override args = {
    question: Args.string({ description: 'what to show', options: [...questions], required: true }),
    dir: Args.string({ description: 'the folder of the fleet, or s3://BUCKET/PREFIX', required: true }),
  }
  static override flags = {
    image: Flags.string({ description: 'support, slow, drift: the image', helpValue: 'ID' }),
    since: Flags.string({ description: 'drift: the day that parts before from after', helpValue: 'YYYY-MM-DD' }),
    from: Flags.string({ description: 'drift: the image before', helpValue: 'ID', dependsOn: ['to'] }),
    to: Flags.string({ description: 'drift: the image after', helpValue: 'ID', dependsOn: ['from'] }),
    top: Flags.integer({ description: 'rows shown', default: 20, min: 1, helpValue: 'N' }),
    html: Flags.string({ description: 'write a page, too', helpValue: 'OUT.html' }),
    memory: memoryFlag,
  }

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(FleetShowCommand)
    checkDay(flags.since)
    const [{ openFleet }, { answer }, { page }, { table }, { writeAtomically }] = await Promise.all([
      import('../../duckdb/open-fleet.js'),
      import('../../show/answer.js'),
      import('../../show/page.js'),
      import('bootpack/text'),
      import('bootpack/cli'),
    ])
    const progress = this.progress('Asking')
    const { database, sources } = await openFleet(args.dir, checkMemory(flags.memory))
    let found: Answer
    try {
      found = await answer(args.question as (typeof questions)[number], database, sources, flags)
    } finally {
      await database.close()
    }
    progress.end()
    for (const { header, rows } of found.tables) {
      const shown = rows.slice(0, flags.top)
      this.log(
        table(
          header,
          shown.map((row) => row.map(String)),
        ),
      )
      if (rows.length > shown.length) this.log(`… and ${rows.length - shown.length} more (--top ${rows.length})`)
      this.log('')
    }
    if (found.tables.every(({ rows }) => rows.length === 0)) this.log(found.nothing)
    if (flags.html !== undefined) {
      if (!flags.html.endsWith('.html'))
        throw usageError(
          'no-page',
          `${JSON.stringify(flags.html)} is not the name of a page.`,
          'Give one that ends in .html.',
        )
      const made = `Made by bootpack ${this.config.version} on ${new Date().toISOString().slice(0, 10)}.`
      const text = page(found.title, found.pages, made)
      await writeAtomically(flags.html, 'page', (file) => file.writeFile(text))
      this.log(`The page is ${flags.html}.`)
    }
    return found.data
  }
}
