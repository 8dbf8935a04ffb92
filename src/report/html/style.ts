/**
 * The page's one style sheet. Colours have one name each and two themes; every text
 * colour has a contrast of at least 4.5 to 1 against what it stands on (a test measures
 * it). No style stands on an element: the page's policy would not allow it.
 */
import { printStyle } from './style-print.js'

/** By name, in both themes; what is drawn on a canvas reads them too. */
export const light = {
  paper: '#fcfbf9',
  ink: '#1b1d21',
  muted: '#595e66',
  line: '#dedbd5',
  soft: '#f3f1ec',
  plot: '#ffffff',
  'plot-line': '#e7e5e0',
  before: '#a8450c',
  after: '#0b6670',
  directories: '#6b3fa0',
  fixed: '#6d7076',
  accent: '#1b1d21',
  run: '#dcefee',
  focus: '#0b57d0',
} as const

export const dark: Record<keyof typeof light, string> = {
  paper: '#15171b',
  ink: '#e9e7e3',
  muted: '#a4a9b1',
  line: '#31353c',
  soft: '#1e2126',
  plot: '#1a1d22',
  'plot-line': '#2b2f36',
  before: '#f2a15c',
  after: '#5ac8cf',
  directories: '#c3a0f0',
  fixed: '#8f949c',
  accent: '#ffffff',
  run: '#173436',
  focus: '#8ab4f8',
}

const variables = (theme: Record<string, string>): string =>
  Object.entries(theme)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ')

export const pageStyle = `
:root { ${variables(light)} color-scheme: light; --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { ${variables(dark)} color-scheme: dark; } }
:root[data-theme=dark] { ${variables(dark)} color-scheme: dark; }
:root.printing { ${variables(light)} color-scheme: light; }

* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 1.5rem 4rem; max-width: 76rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
[hidden] { display: none !important; }
:root:not(.script) :is(.controls, .buttons, .plots, .plot-status, #plot-keys, .theme, #moved .scroll) { display: none; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: 1rem; top: -4rem; background: var(--paper); padding: .5rem 1rem; color: var(--ink); z-index: 3; }
.skip:focus { top: .5rem; }

header { display: flex; justify-content: space-between; align-items: center; gap: 1rem; padding: 1.1rem 0; border-bottom: 1px solid var(--line); }
.mark { margin: 0; color: var(--muted); letter-spacing: .01em; }
.mark b { color: var(--ink); font-weight: 650; }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; display: flex; flex-wrap: wrap; gap: .25rem .9rem; align-items: center; }
legend { float: left; padding: 0; margin-right: .25rem; color: var(--muted); font-size: .875rem; }
.theme { gap: 0; font-size: .875rem; }
.theme legend { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
.theme label { position: relative; }
.theme input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.theme span { display: block; padding: .15rem .7rem; border: 1px solid var(--line); margin-left: -1px; color: var(--muted); }
.theme label:first-of-type span { border-radius: 4px 0 0 4px; }
.theme label:last-of-type span { border-radius: 0 4px 4px 0; }
.theme input:checked + span { background: var(--soft); color: var(--ink); font-weight: 600; text-decoration: underline; text-underline-offset: .25em; }
.theme input:focus-visible + span { outline: 2px solid var(--focus); outline-offset: 2px; }

section { margin-top: 3.5rem; }
main > section:first-child { margin-top: 2.6rem; }
h1 { font-size: clamp(1.7rem, 1.2rem + 2.1vw, 2.7rem); line-height: 1.14; letter-spacing: -.02em; font-weight: 680; margin: 0; max-width: 24em; text-wrap: balance; }
h2 { font-size: 1.375rem; line-height: 1.25; letter-spacing: -.01em; font-weight: 650; margin: 0 0 .5rem; }
p, .about { margin: 0 0 1rem; max-width: 46em; }
.lead { color: var(--muted); font-size: 1.0625rem; margin: .9rem 0 0; overflow-wrap: anywhere; }
.lead b { color: var(--ink); font-weight: 550; }
.note { color: var(--muted); font-size: .9375rem; }
.next { margin-top: 1.4rem; max-width: none; }
.about { padding-left: 1.1rem; color: var(--muted); }
.about li { margin-bottom: .4rem; overflow-wrap: anywhere; }
.path { font-family: var(--mono); font-size: .9em; overflow-wrap: anywhere; }
kbd { font: .85em var(--mono); border: 1px solid var(--line); border-radius: 3px; padding: 0 .3em; background: var(--soft); color: var(--ink); }
small { display: block; font-size: .8125rem; line-height: 1.35; font-weight: 400; color: var(--muted); }

.figures { display: grid; grid-template-columns: repeat(4, 1fr); margin: 2.2rem 0 0; border-top: 2px solid var(--ink); }
.figure { padding: .8rem 1.2rem .2rem 0; }
.figure + .figure { padding-left: 1.2rem; border-left: 1px solid var(--line); }
.figure dt { color: var(--muted); font-size: .9375rem; }
.figure dd { margin: 0; }
.value { display: block; font-size: clamp(1.6rem, 1.1rem + 1.9vw, 2.4rem); line-height: 1.25; letter-spacing: -.02em; font-weight: 620; white-space: nowrap; }
.was { display: flex; flex-wrap: wrap; gap: 0 .6em; font-size: .9375rem; color: var(--muted); }
.was .change { color: var(--ink); font-weight: 600; white-space: nowrap; }

.controls { display: flex; flex-wrap: wrap; gap: .6rem 1.8rem; align-items: center; margin: 0 0 1rem; font-size: .9375rem; }
.controls label { display: inline-flex; align-items: center; gap: .35rem; cursor: pointer; }
.controls input { accent-color: var(--after); margin: 0; width: 1rem; height: 1rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .4rem; }
button { font: inherit; font-size: .9375rem; color: var(--ink); background: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: .25rem .7rem; cursor: pointer; }
button:hover { border-color: var(--muted); }
.shape { width: 12px; height: 12px; flex: none; fill: var(--after); }
.was-shape { fill: var(--before); }
.shape.directories { fill: var(--directories); }
.shape.fixed { fill: var(--fixed); }
.shape.path { stroke: var(--muted); stroke-width: 1.2; }

.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.2rem 1.4rem; }
.plot { margin: 0; min-width: 0; }
figcaption { color: var(--muted); margin-bottom: .4rem; font-size: .9375rem; }
figcaption b { margin-right: .4em; padding: .1em .55em; border-radius: 3px; color: var(--paper); font-weight: 600; }
.before figcaption b { background: var(--before); }
.after figcaption b { background: var(--after); }
.plot-area { position: relative; height: clamp(18rem, 34vw, 26rem); background: var(--plot); border: 1px solid var(--line); border-radius: 4px; overflow: hidden; touch-action: pan-y; cursor: crosshair; user-select: none; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.tip { position: absolute; max-width: min(22rem, 92%); padding: .45rem .65rem; background: var(--ink); color: var(--paper); border-radius: 4px; font-size: .8125rem; line-height: 1.4; pointer-events: none; z-index: 1; }
.tip b { display: block; font-family: var(--mono); font-weight: 600; overflow-wrap: anywhere; }
.tip span { display: block; }
.plot-status { color: var(--muted); font-size: .875rem; margin: .5rem 0 .3rem; }

table { border-collapse: collapse; font-size: .9375rem; }
caption { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
th, td { text-align: left; font-weight: 400; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { color: var(--muted); font-size: .875rem; border-bottom-color: var(--muted); }
.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
.scroll { overflow-x: auto; max-width: 100%; position: relative; }

.bars { width: 100%; table-layout: fixed; }
.bars th:first-child { width: 22%; }
.bars th[scope=row] { white-space: normal; }
.bars td { vertical-align: middle; }
.bars td .number { display: inline-block; width: 5.8em; padding-right: .8em; }
.bars .last { width: 9.5em; white-space: nowrap; }
.bar { display: inline-block; vertical-align: middle; width: calc(100% - 6em); height: .8rem; overflow: hidden; }
.bar.before { fill: var(--before); }
.bar.after { fill: var(--after); }
#disks .bars th:first-child { width: 34%; }

.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0 2rem; margin: 0 0 1rem; }
.facts div { border-bottom: 1px solid var(--line); padding: .5rem 0; }
.facts dt { color: var(--muted); font-size: .875rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }

.moved { width: 100%; }
.moved th[scope=row] { font-family: var(--mono); font-size: .8125rem; overflow-wrap: anywhere; min-width: 16rem; }
.moved td { white-space: nowrap; }
.moved thead button { border: 0; background: none; padding: 0; color: inherit; font-size: inherit; text-align: inherit; white-space: nowrap; }
.moved thead button::after { content: '\\2195'; opacity: .55; margin-left: .3em; }
.moved th[aria-sort=ascending] button::after { content: '\\2191'; opacity: 1; }
.moved th[aria-sort=descending] button::after { content: '\\2193'; opacity: 1; }
.moved th[aria-sort=ascending] button, .moved th[aria-sort=descending] button { color: var(--ink); font-weight: 600; }
.moved + .buttons, .scroll + .buttons { margin-top: .8rem; }
input[type=search] { font: inherit; color: var(--ink); background: var(--plot); border: 1px solid var(--muted); border-radius: 4px; padding: .2rem .5rem; width: 18rem; max-width: 100%; height: auto; margin-left: .3rem; }
.table-status { color: var(--muted); }
details { margin: .3rem 0; max-width: 60em; }
summary { cursor: pointer; padding: .2rem 0; }
details ul { margin: .3rem 0 1rem; padding-left: 1.4rem; font-size: .9375rem; }
.places { margin: .6rem 0 1rem; }

@media screen and (max-width: 48rem) {
  body { padding: 0 1rem 3rem; }
  section { margin-top: 2.6rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  .figure:nth-child(odd) { padding-left: 0; border-left: 0; }
  .figure:nth-child(n + 3) { border-top: 1px solid var(--line); }
  .was { flex-direction: column; }
  .bars td .number { display: block; width: auto; text-align: left; padding: 0; }
  .bar { width: 100%; height: .55rem; display: block; }
  table { font-size: .875rem; }
  th, td { padding-right: .6rem; }
  .bars th:first-child { width: 36%; }
  #disks .bars th:first-child { width: 29%; }
  .bars .last { width: 4.6rem; white-space: normal; }
  .bars small { font-size: .75rem; hyphens: auto; }
  .moved th[scope=row] { min-width: 12rem; }
  .plot-area { height: 20rem; }
}
@media (forced-colors: active) { .bar { forced-color-adjust: none; } figcaption b { border: 1px solid; } }
${printStyle(variables(light))}
`
