/** On paper: light, without what can be clicked, and broken between things rather than through them. */
export const printStyle = (light: string): string => `
@media print {
  :root, :root[data-theme=dark], :root:not([data-theme=light]) { ${light} color-scheme: light; }
  @page { margin: 16mm 14mm; }
  html { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; background: #fff; }
  .controls, .buttons, .theme, .skip, .plot-status, #plot-keys, .tip, details:not([open]):has(table) { display: none !important; }
  header { padding: 0 0 .6rem; }
  section { margin-top: 1.8rem; }
  main > section:first-child { margin-top: 1.2rem; }
  h1 { font-size: 20pt; }
  .value { font-size: 17pt; }
  h2, figcaption, caption { break-after: avoid; }
  #result, .figures, .plots, tr, .facts div, #seeks, #figures, #cost { break-inside: avoid; }
  section > p { break-after: avoid; }
  #disks .bars th:first-child { width: 42%; }
  .figures { grid-template-columns: repeat(4, 1fr); }
  .plots { grid-template-columns: 1fr 1fr; gap: .8rem; }
  .plot-area { height: auto; border: 0; border-radius: 0; }
  canvas { position: static; height: auto; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; }
  .moved thead button::after { content: none; }
  .moved th[scope=row] { min-width: 0; }
  table { font-size: 9pt; }
}
`
