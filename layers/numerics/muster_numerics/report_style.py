"""What the drift report adds to the style sheet of Muster's reports (`muster_jobs.style`)."""

DRIFT_CSS = """
.verdict.drift { background: var(--bad-wash); border-color: var(--bad); }
.verdict.drift h2 { color: var(--bad); }
.verdict.none { background: var(--good-wash); border-color: var(--good); }
.verdict.none h2 { color: var(--good); }
.verdict.insufficient, .verdict.inconclusive { background: var(--panel); border-color: var(--muted); }
.verdict.insufficient h2, .verdict.inconclusive h2 { color: var(--ink); }
.verdict .headline { font-size: 1.05rem; margin: 4px 0 0; }
.verdict .confirmation { color: var(--muted); margin: 12px 0 0; font-size: 0.9rem; overflow-wrap: anywhere; }
.overview { display: flex; flex-wrap: wrap; gap: 6px 34px; margin: 22px 0 0; }
.overview div, .figures div { display: flex; flex-direction: column-reverse; }
.overview dd { font-size: 1.35rem; line-height: 1.25; font-weight: 600; }
.overview dt { font-size: 0.82rem; }
.figures { display: flex; flex-wrap: wrap; gap: 8px 20px; margin: 14px 0 0; font-size: 0.88rem; }
.figures dt { font-size: 0.76rem; }
.figures dd { overflow-wrap: normal; }
h3 .name { overflow-wrap: anywhere; }
.badge { display: inline-block; font-size: 0.76rem; font-weight: 600; line-height: 1.5; padding: 0 7px; border-radius: 9px; white-space: nowrap; border: 1px solid; }
.badge.drift { color: var(--bad); background: var(--bad-wash); }
.badge.warn { color: var(--kept); background: var(--kept-wash); }
.badge.none { color: var(--muted); background: transparent; border-color: var(--rule); font-weight: 500; }
.chips { margin: -4px 0 8px; }
.chip { font-size: 0.78rem; color: var(--muted); border: 1px solid var(--rule); border-radius: 9px; padding: 1px 8px; margin-right: 6px; }
.reasons { margin: 0 0 12px; padding-left: 18px; font-size: 0.9rem; }
.reasons li { overflow-wrap: anywhere; }
.reasons li::marker { color: var(--muted); }
p.note { color: var(--muted); font-size: 0.82rem; margin: 8px 0 2px; overflow-wrap: anywhere; }
.assumed { margin: 8px 0 0; padding-left: 20px; max-width: 80ch; }
.assumed li { margin: 6px 0; overflow-wrap: anywhere; }
.panel ul { overflow-wrap: anywhere; }
.panel > ul:not(.reasons) { margin: 0; padding-left: 18px; font-size: 0.92rem; }
.panel > ul li { margin: 4px 0; }
.panel dl:first-of-type { margin-top: 0; }
.panel.feature dl { margin-top: 14px; }
.feature svg { max-width: 560px; }
.grid { grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.grid.windows { align-items: start; }
.stack { display: flex; flex-direction: column; gap: 16px; min-width: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 170px), 1fr)); gap: 12px; margin-top: 14px; }
.tile { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; min-width: 0; break-inside: avoid; }
.tile h3 { display: flex; justify-content: space-between; gap: 8px; font-size: 0.84rem; margin: 0 0 4px; }
.tile .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tile .figure { color: var(--muted); font-weight: 500; }
details { margin-top: 16px; }
summary { cursor: pointer; color: var(--candidate); font-weight: 600; padding: 6px 0; }
.key.sides { margin-top: 6px; }
.key.sides li::before { border-radius: 2px; width: 14px; }
.key .was::before { background: var(--was); }
.key .now::before { background: var(--candidate); height: 3px; vertical-align: 3px; }
:root { --was: #c9ced3; --band: #e7edf4; }
@media screen and (prefers-color-scheme: dark) { :root { --was: #454d55; --band: #22303d; } }
svg .was { fill: var(--was); }
svg .was.end { opacity: 0.6; }
svg .now { fill: none; stroke: var(--candidate); stroke-width: 2; stroke-linejoin: round; }
svg .heat { fill: var(--candidate); }
svg .band { fill: var(--band); }
svg .slope { stroke: var(--rule); stroke-width: 1.5; }
svg .slope.moved { stroke: var(--candidate); stroke-width: 2; }
svg .dot.was { fill: var(--muted); }
svg .outcome { fill: var(--was); }
svg .outcome.warn { fill: var(--kept); opacity: 0.65; }
svg .outcome.suspected { fill: var(--bad); opacity: 0.55; }
svg .outcome.drift { fill: var(--bad); }
svg .outcome.insufficient, svg .outcome.inconclusive { fill: none; stroke: var(--muted); stroke-dasharray: 2 2; }
svg .mark { font-size: 11px; font-weight: 600; }
svg .mark.drift, svg .mark.suspected { fill: var(--bad); }
svg .mark.warn { fill: var(--kept); }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.scroll { position: relative; }
.scroll:focus-visible { outline: 2px solid var(--candidate); outline-offset: 2px; }
td .badge { font-size: 0.74rem; }
table.wide th, table.wide td { padding-left: 10px; }
table.wide tbody th { position: sticky; left: 0; background: var(--panel); padding-left: 0; max-width: 16em; overflow-wrap: anywhere; white-space: normal; min-width: 8em; }
tbody th { white-space: normal; overflow-wrap: break-word; }
tbody th small { display: block; color: var(--muted); font-weight: 400; }
td small { white-space: normal; }
table.wide th:nth-child(2), table.wide td:nth-child(2) { text-align: left; }
table.wide thead th:first-child { padding-left: 0; }
@media (max-width: 520px) {
  .overview { gap: 10px 24px; }
  .overview dd, .figures dd { margin-bottom: 0; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .verdict { padding: 14px 16px; }
  .panel dl:not(.figures) { grid-template-columns: minmax(7em, max-content) minmax(0, 1fr); gap: 2px 12px; }
}
@media print {
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .tile { padding: 6pt; }
  details:not([open]) > summary { display: none; }
  table.wide { font-size: 7pt; }
  table.wide tbody th { position: static; min-width: 0; }
}
"""
