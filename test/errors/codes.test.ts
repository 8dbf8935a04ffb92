import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import glob from 'fast-glob'
import {
  BootpackError,
  corrupt,
  errorCodes,
  errorFrom,
  exitCode,
  isCodeOf,
  meanwhileCode,
  refused,
  type ErrorFamily,
} from '../../src/errors.js'
import { errorsPage } from './errors-page.js'

const families = Object.entries(errorCodes) as [
  ErrorFamily,
  Readonly<Record<string, { means: string; helps?: string }>>,
][]
const root = new URL('../../', import.meta.url)

describe('the table of error codes', () => {
  it('is what docs/errors.md says; npm run errors renews it', () => {
    expect(readFileSync(new URL('docs/errors.md', root), 'utf8')).to.equal(errorsPage())
  })

  it('has meanings without a full stop, and advice in sentences', () => {
    for (const [, table] of families) {
      for (const [code, { means, helps }] of Object.entries(table)) {
        expect(means, code).to.match(/^\S.*[^.]$/)
        if (helps !== undefined) expect(helps, code).to.match(/^[A-Z-].*\.$/)
      }
    }
  })

  it('gives every code to one family, but for what is found half-way', () => {
    const seen = new Map<string, ErrorFamily>()
    for (const [family, table] of families) {
      for (const code of Object.keys(table)) {
        if (!code.endsWith('-meanwhile')) expect(seen.get(code), code).to.equal(undefined)
        seen.set(code, family)
      }
    }
  })

  it('has no code that nothing ends with', () => {
    const sources = glob
      .sync(['src/**/*.ts', 'plugins/*/src/**/*.ts'], { cwd: root.pathname })
      .filter((path) => !path.endsWith('error-codes.ts'))
      .map((path) => readFileSync(new URL(path, root), 'utf8'))
      .join('\n')
    const unused = families
      .flatMap(([, table]) => Object.keys(table))
      .filter(
        (code) => !code.endsWith('-meanwhile') && !sources.includes(`'${code.replace(/^feature-(?!unknown)/, '')}'`),
      )
      .filter(
        (code) =>
          !(
            code.startsWith('bad-') &&
            new RegExp(`corrupt\\(\\s*'${code.slice(4).replaceAll('-', '[ -]')}'`).test(sources)
          ),
      )
    expect(unused).to.deep.equal([])
  })
})

describe('an error', () => {
  it('of damage has a code made of the structure, and says which one', () => {
    const error = corrupt('extent tree of inode', 12, 'it is deeper than 5.')
    expect(error).to.include({
      code: 'bad-extent-tree-of-inode',
      family: 'corrupt',
      number: 12,
      exitCode: exitCode.corrupt,
    })
  })

  it('found half-way has the code of what was found, and a general one where that is not known', () => {
    expect(meanwhileCode('mounted')).to.equal('mounted-meanwhile')
    expect(meanwhileCode('bad-MMP-block')).to.equal('changed-meanwhile')
  })

  it('of another process is taken over with its family and code where both are known', () => {
    const told = refused('mounted', 'It is mounted.', 'Unmount it.')
    expect(errorFrom({ family: told.family, code: told.code, message: told.message, next: told.next })).to.deep.include(
      {
        family: 'refused',
        code: 'mounted',
        message: 'It is mounted.',
        next: 'Unmount it.',
      },
    )
    for (const code of ['mountedly', 'constructor', 'no-space']) expect(isCodeOf('refused', code), code).to.equal(false)
    const strange = errorFrom({ family: 'refused', code: 'mountedly', message: 'Something else.' })
    expect(strange).to.include({ family: 'io', code: 'io', message: 'Something else.' })
  })

  it('of a plugin of others names the plugin in its code', () => {
    expect(new BootpackError('usage', 'acme/no-colour', 'There is no colour.')).to.include({
      code: 'acme/no-colour',
      exitCode: 2,
    })
  })
})
