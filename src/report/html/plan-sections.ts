/** What a plan costs, what it moves, and what stays where it is. */
import { gapCauses } from '../../layout/gap-cause.js'
import type { PlanGap } from '../../plan/plan.js'
import { bytes, count } from '../../text/units.js'
import type { ReportData } from '../report-data.js'
import { groupByReason, type StayGroup } from '../stay-lines.js'
import { html, type Html } from './html.js'

/** Names listed under one reason; --json has all. */
const mostNames = 200

export function costSection({ plan, layouts, kind }: ReportData): Html | undefined {
  const block = layouts[0]?.blockSize ?? 1
  if (!plan) return undefined
  const { cost, runs, gaps, goal, rounds, moves, withEviction } = plan
  const first = runs[0]
  const last = runs.at(-1)
  const gapBlocks = gaps.reduce((sum, { length }) => sum + length, 0)
  return html`
  <section id="cost" aria-labelledby="cost-title">
    <h2 id="cost-title">What ${kind === 'predicted' ? 'packing costs' : 'the packing cost'}</h2>
    <dl class="facts">
      <div><dt>to write</dt><dd>${bytes(cost.bytesWritten)}</dd></div>
      <div><dt>of the boot</dt><dd>${bytes(cost.placedBlocks * block)}</dd></div>
      <div><dt>of others, moved out of the way</dt><dd>${bytes(cost.evictedBlocks * block)}</dd></div>
      <div><dt>twice, for a stop on the way</dt><dd>${bytes(cost.stagedBlocks * block)}</dd></div>
      <div><dt>moves</dt><dd>${count(moves)} in ${count(rounds)} round${rounds === 1 ? '' : 's'}</dd></div>
      <div><dt>goal</dt><dd>block ${count(goal.block)}, ${goal.chosenBy === 'flag' ? 'as given' : goal.directory === undefined ? `chosen by ${goal.chosenBy}` : html`first of <span class="path">${goal.directory}</span>`}</dd></div>
      <div><dt>${runs.length === 1 ? 'run' : 'runs'}</dt><dd>${runs.length !== 1 && `${count(runs.length)}, `}${first && last && `blocks ${count(first.start)} to ${count(last.start + last.length - 1)}`}</dd></div>
      <div><dt>gaps in it</dt><dd>${gaps.length === 0 ? 'none' : `${count(gaps.length)} of ${count(gapBlocks)} blocks: ${causes(gaps)}`}</dd></div>
    </dl>
    ${withEviction && html`<p class="note">Moving others out of the way (--evict) would bring the seeks down to ${count(withEviction.predicted.seeks)}, for ${bytes(withEviction.cost.bytesWritten)} written.</p>`}
  </section>`
}

const causes = (gaps: readonly PlanGap[]): string =>
  [...new Set(gaps.flatMap((gap) => gap.causes.map((cause) => gapCauses[cause])))].slice(0, 4).join('; ')

const columns = [
  ['name', 'name', false],
  ['what', 'what', false],
  ['why', 'why', false],
  ['bytes', 'moved', true],
  ['piecesBefore', 'pieces before', true],
  ['piecesAfter', 'pieces after', true],
  ['from', 'block before', true],
  ['to', 'block after', true],
] as const

export function movedSection({ moved, kind, plan }: ReportData): Html | undefined {
  if (kind === 'now') return undefined
  const title =
    kind === 'predicted' ? 'What will move' : kind === 'compared' && !plan ? 'What lies elsewhere' : 'What moved'
  const evicted = moved.filter(({ why }) => why === 'evict').length
  return html`
  <section id="moved" aria-labelledby="moved-title">
    <h2 id="moved-title">${title}</h2>
    ${
      moved.length === 0
        ? html`<p>Nothing.</p>`
        : html`
    <p>${count(moved.length - evicted)} for the boot${plan && `, ${count(evicted)} out of its way`}. Pieces are those of the blocks that move; one piece is unbroken.</p>
    <div class="controls">
      <label class="search">Find a name <input type="search" autocomplete="off" spellcheck="false"></label>
      <span class="table-status" role="status"></span>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
    <table class="moved">
      <caption>${title}; the headings sort</caption>
      <thead><tr>${columns.map(([column, text, number]) => html`<th scope="col" aria-sort="none"${number && html` class="number"`}><button type="button" data-column="${column}">${text}</button></th>`)}</tr></thead>
      <tbody></tbody>
    </table>
    </div>
    <div class="buttons"><button type="button" data-do="more">Show 100 more</button> <button type="button" data-do="every">Show all</button></div>
    <noscript><p class="note">The list needs scripts; bootpack report --json has it too.</p></noscript>`
    }
  </section>`
}

export function leftSection({ skipped, unmoved, kind, plan }: ReportData): Html | undefined {
  if (skipped.length === 0 && unmoved.length === 0)
    return (
      plan &&
      html`
  <section id="left" aria-labelledby="left-title"><h2 id="left-title">Left where it is</h2><p>Nothing that the boot reads was left out.</p></section>`
    )
  return html`
  <section id="left" aria-labelledby="left-title">
    <h2 id="left-title">${kind === 'now' || !plan ? 'Not found here' : 'Left where it is'}</h2>
    ${groupByReason(unmoved).map((each) => group(each, 'Tried, and not moved: '))}
    ${groupByReason(skipped).map((each) => group(each, ''))}
  </section>`
}

const group = ({ what, why, each }: StayGroup, tried: string): Html => html`
    <details>
      <summary><b>${what}</b> ${tried}${tried === '' ? why.charAt(0).toUpperCase() + why.slice(1) : why}</summary>
      <ul>${each.slice(0, mostNames).map(
        ({ path, inode, kind, blocks }) => html`
        <li><span class="path">${path ?? `inode ${inode ?? '?'}`}</span>${kind !== 'data' && ` (${kind})`}${blocks > 0 && `, ${count(blocks)} block${blocks === 1 ? '' : 's'}`}</li>`,
      )}${
        each.length > mostNames &&
        html`
        <li>and ${count(each.length - mostNames)} more: bootpack report --json lists all</li>`
      }
      </ul>
    </details>`
