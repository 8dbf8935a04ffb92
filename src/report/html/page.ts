/**
 * The report as one HTML file. Everything is inline, and a content security policy with
 * the hashes of the one style sheet and the one script forbids all else: no network, no
 * other script, even if a name on the disk were to get past the escaping.
 */
import { createHash } from 'node:crypto'
import type { ReportData } from '../report-data.js'
import { aboutSection } from './about-section.js'
import { pageData } from './embed.js'
import { headline, headlineSection } from './headline.js'
import { Html, html, jsonText } from './html.js'
import { diskSection, figuresSection, seekSection } from './measure-sections.js'
import { pageScript } from './page-script.js'
import { costSection, leftSection, movedSection } from './plan-sections.js'
import { readsSection } from './reads-section.js'
import { pageStyle } from './style.js'

/**
 * The whole page as text. The same report gives the same bytes.
 * @throws Error when the page's own script is not built
 */
export function reportPage(report: ReportData): string {
  const script = pageScript()
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(pageStyle)}'; base-uri 'none'; form-action 'none'`
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${headline(report)} bootpack report</title>
<style>${new Html(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#result">Skip to the result</a>
<header>
  <p class="mark"><b>bootpack</b> report</p>
  <fieldset class="theme"><legend>Theme</legend>${(['auto', 'light', 'dark'] as const).map(
    (theme) => html`
    <label><input type="radio" name="theme" value="${theme}"${theme === 'auto' && html` checked`}><span>${theme}</span></label>`,
  )}
  </fieldset>
</header>
<main>${headlineSection(report)}
  ${readsSection(report)}
  ${seekSection(report)}
  ${diskSection(report)}
  ${figuresSection(report)}
  ${costSection(report)}
  ${movedSection(report)}
  ${leftSection(report)}
  ${aboutSection(report)}
</main>
<script type="application/json" id="data">${new Html(jsonText(pageData(report)))}</script>
<script>${new Html(script)}</script>
</body>
</html>
`.text
}

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`
