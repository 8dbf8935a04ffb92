import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { gapCauses } from '../../src/layout/gap-cause.js'
import { numberReasons, stayReasons } from '../../src/layout/reason.js'
import { reasonsPage } from './reasons-page.js'

describe('the tables of reasons', () => {
  it('are what docs/reasons.md says; npm run reasons renews it', () => {
    expect(readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')).to.equal(reasonsPage())
  })

  it('have codes for programs, clauses without a full stop, and advice in sentences', () => {
    for (const [code, { says, helps }] of [...Object.entries(stayReasons), ...Object.entries(numberReasons)]) {
      expect(code).to.match(/^[a-z]+(-[a-z]+)*$/)
      expect(says, code).to.match(/^\S.*[^.]$/)
      if (helps !== undefined) expect(helps, code).to.match(/^[A-Z].*\.$/)
    }
    for (const [code, noun] of Object.entries(gapCauses)) expect(noun, code).to.match(/^[a-z].*[^.]$/)
  })
})
