/** The first screen: the result in one sentence, and four figures. */
import { shellWord } from '../../text/shell-word.js'
import { referenceModel } from '../../measure/disk-model.js'
import { noticeableShare } from '../../plan/objective.js'
import { bytes, count, seconds } from '../../text/units.js'
import type { ReportData, ReportLayout } from '../report-data.js'
import { changeText, leadingDisk, timeOn } from './change.js'
import { html, type Html } from './html.js'

export function headline(report: ReportData): string {
  const [before, after] = report.layouts
  const disk = leadingDisk(report)
  if (!before || disk === undefined) return 'What a boot costs this disk'
  const was = timeOn(before.measure, disk)
  const on = disk === referenceModel ? 'a modelled hard disk' : `a modelled ${disk}`
  if (!after) return `This boot keeps ${on} busy for ${seconds(was)}, with ${seeksText(before)}.`
  const is = timeOn(after.measure, disk)
  const times = `${seconds(is)} instead of ${seconds(was)}`
  if (is > was * (1 + noticeableShare)) {
    return report.kind === 'predicted'
      ? `Packing would make this boot slower: ${times} on ${on}.`
      : `This boot has become slower: ${times} on ${on}.`
  }
  if (is >= was * (1 - noticeableShare)) {
    const nothing = `${seconds(was)} on ${on} either way.`
    return report.kind === 'predicted'
      ? `There is nothing to gain: ${nothing}`
      : report.undone
        ? `Nothing was changed in the end: ${nothing}`
        : `Nothing has changed for this boot: ${nothing}`
  }
  return report.kind === 'predicted'
    ? `Packed, this boot would keep ${on} busy for ${times}.`
    : `This boot now keeps ${on} busy for ${times}.`
}

const seeksText = ({ measure: { seeks } }: ReportLayout): string => (seeks === 1 ? 'one seek' : `${count(seeks)} seeks`)

/** A number and its unit stay on one line. */
const unbroken = (text: string): string => text.replace(/(\d) (?=(?:s|ms|seeks)\b)/g, '$1\u00a0')

/** What stands below the sentence: where the two layouts come from. */
function lead(report: ReportData): Html {
  const { kind, target, other, placed, trace } = report
  const boot = html`the boot recorded in <b>${trace.name}</b>`
  switch (kind) {
    case 'now':
      return html`Layout of <b>${target}</b> as it is, for ${boot}.`
    case 'predicted':
      return html`<b>${target}</b> as it is, and as the plan would leave it, for ${boot}. Nothing has been written yet.`
    case 'packed':
      return html`<b>${target}</b> before and after packing, both read from the disk, for ${boot}.${report.undone && ' Too little could be moved to be of use, so it was put back.'}`
    case 'applied':
      return html`<b>${target}</b> as it is, and before the plan as far as the plan tells, for ${boot}.${placed && placed.placedBlocks < placed.totalBlocks && html` The plan is carried out in part: ${count(placed.placedBlocks)} of ${count(placed.totalBlocks)} blocks lie where it wants them.`}`
    case 'compared':
      return html`Before: <b>${other}</b>. After: <b>${target}</b>. Both read from the disk, for ${boot}.`
  }
}

export function headlineSection(report: ReportData): Html {
  const disk = leadingDisk(report)
  const [before, after] = report.layouts
  const figure = (
    title: string,
    value: (layout: ReportLayout) => number,
    text: (value: number) => string,
  ): Html | undefined =>
    before &&
    html`
    <div class="figure">
      <dt>${title}</dt>
      <dd><span class="value">${text(value(after ?? before))}</span>${
        after &&
        html`
        <span class="was"><span>${after.name === 'predicted' ? 'now' : 'before'} ${text(value(before))}</span> <span class="change">${changeText(value(before), value(after))}</span></span>`
      }</dd>
    </div>`
  return html`
  <section aria-labelledby="result">
    <h1 id="result">${unbroken(headline(report))}</h1>
    <p class="lead">${lead(report)}</p>
    <dl class="figures">
      ${disk !== undefined && figure(`disk time, ${disk} model`, ({ measure }) => timeOn(measure, disk), seconds)}
      ${figure('seeks', ({ measure }) => measure.seeks, count)}
      ${figure('seek distance', ({ measure, blockSize }) => measure.seekDistanceBlocks * blockSize, bytes)}
      ${figure('disk requests', ({ measure }) => measure.requests, count)}
    </dl>
    ${report.kind === 'now' && html`<p class="note next">What packing would make of it, without writing anything: <span class="path">bootpack pack ${shellWord(report.target)} --trace ${shellWord(report.trace.name)} --evict --dry-run --report after.html</span></p>`}
  </section>`
}
