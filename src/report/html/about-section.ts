/** Where every figure comes from, and what it does not say. */
import { binaryBytes, count } from '../../text/units.js'
import type { ReportData } from '../report-data.js'
import { html, type Html } from './html.js'

export function aboutSection(report: ReportData): Html {
  const { layouts, trace, plan, leftOut, kind, target } = report
  const [first] = layouts
  const files = first?.measure.files ?? 0
  const missing = first?.measure.missing ?? 0
  return html`
  <section id="about" aria-labelledby="about-title">
    <h2 id="about-title">How this was measured</h2>
    <ul class="about">
      <li>The trace has ${count(trace.reads)} read${trace.reads === 1 ? '' : 's'} of ${count(files)} file${files === 1 ? '' : 's'} (${trace.source}${trace.recorded !== undefined && `, ${trace.recorded}`}).${(trace.lost ?? 0) > 0 && ` The recorder lost ${count(trace.lost!)} events: it is incomplete.`}${missing > 0 && (missing === 1 ? ' One file it names is not on this filesystem.' : ` ${count(missing)} files it names are not on this filesystem.`)}</li>
      <li>Every block is read once, as from an empty page cache. Reads that continue each other in time and place are one request, of at most 1.3 MB.</li>
      <li>A seek is a break in that order, its distance the way from the end of one read to the start of the next. What several processes ask for at once a real disk sorts; here it stays in the order of the trace, so seeks are rather over- than understated.</li>
      ${kind === 'applied' && html`<li>“Before” was rebuilt by taking the plan's moves back on paper; extent-tree blocks that packing made needless cannot be put back, so it is rather too good. “After” was read from the disk.</li>`}
      ${kind === 'predicted' && html`<li>“Predicted” is the plan carried out on paper, measured the same way.</li>`}
      ${plan?.otherFigures === true && html`<li>The plan's own figures differ from those here: it was made from another trace, or the disk has changed since.</li>`}
      ${leftOut > 0 && html`<li>The two are different filesystems: ${count(leftOut)} reads of inode tables, bitmaps and the like have no counterpart and are left out on both sides.</li>`}
      ${first && html`<li>The filesystem ${target}: UUID ${first.uuid}, ${binaryBytes(first.blockCount * first.blockSize)} in ${count(first.blockCount)} blocks of ${count(first.blockSize)} bytes.</li>`}
      <li>This page is one file. It loads nothing, and its policy forbids it to.</li>
    </ul>
  </section>`
}
