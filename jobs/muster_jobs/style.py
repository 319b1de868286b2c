"""The report's one style sheet: light and dark, wide and narrow, screen and paper; nothing is loaded from elsewhere."""

CSS = """
:root {
  --page: #f7f7f5; --panel: #ffffff; --ink: #1d2126; --muted: #5d656e; --rule: #e2e4e6; --grid: #ecedef;
  --candidate: #2a6db0; --champion: #b8651b; --good: #23734a; --bad: #b02a30; --kept: #8a6100;
  --good-wash: #eaf5ee; --bad-wash: #fbecec; --kept-wash: #fbf4e2; --cell: 42, 109, 176;
  color-scheme: light dark;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --panel: #1b1f23; --ink: #e6e9ec; --muted: #9ba5ae; --rule: #2f353b; --grid: #262b30;
    --candidate: #6fabe8; --champion: #e59b57; --good: #6cc596; --bad: #f08084; --kept: #ddb458;
    --good-wash: #17281f; --bad-wash: #2e1c1e; --kept-wash: #2b2517; --cell: 111, 171, 232;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 4px; }
h3 { font-size: 0.95rem; margin: 0 0 10px; font-weight: 600; }
p { margin: 0 0 12px; max-width: 74ch; }
.eyebrow { color: var(--muted); font-size: 0.85rem; margin: 0 0 4px; }
.muted, .reading { color: var(--muted); }
section { margin-top: 40px; }
.verdict { background: var(--kept-wash); border-left: 5px solid var(--kept); border-radius: 6px; padding: 18px 22px; margin-top: 28px; }
.verdict h2 { font-size: 1.3rem; color: var(--kept); }
.verdict.passed { background: var(--good-wash); border-color: var(--good); }
.verdict.passed h2 { color: var(--good); }
.verdict.failed_gate { background: var(--bad-wash); border-color: var(--bad); }
.verdict.failed_gate h2 { color: var(--bad); }
.verdict ol, .verdict ul { margin: 8px 0 0; padding-left: 22px; }
.verdict li { margin: 3px 0; overflow-wrap: anywhere; }
.verdict li::marker { color: var(--muted); }
.verdict li.ok::marker { color: var(--good); }
.verdict li.bad::marker { color: var(--bad); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 16px; margin-top: 14px; }
.panel { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 16px; min-width: 0; }
.grid.single { grid-template-columns: minmax(0, 516px); }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; max-width: 480px; height: auto; }
svg + svg { margin-top: 14px; }
svg text { fill: var(--ink); font-size: 12px; }
svg .tick, svg .axis, svg .note { fill: var(--muted); }
svg .tick { font-size: 11px; }
svg .label, svg .note { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; }
svg .grid { stroke: var(--grid); }
svg .zero { stroke: var(--muted); }
svg .limit { stroke: var(--bad); stroke-dasharray: 4 3; }
svg .guide { fill: none; stroke: var(--muted); stroke-dasharray: 2 4; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .thin { fill: none; stroke-width: 1; opacity: 0.6; }
svg .whisker { stroke-width: 2; }
svg .candidate { stroke: var(--candidate); }
svg .champion { stroke: var(--champion); }
svg .dot, svg .fill { stroke: none; }
svg .dot.candidate, svg .fill.candidate { fill: var(--candidate); }
svg .dot.champion { fill: var(--champion); }
svg .faint { opacity: 0.55; }
svg .track { fill: var(--grid); }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 0.85rem; color: var(--muted); margin: 0; padding: 0; list-style: none; }
.key li::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px; background: var(--muted); }
.key .candidate::before { background: var(--candidate); }
.key .champion::before { background: var(--champion); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: right; padding: 6px 6px; border-bottom: 1px solid var(--rule); vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-weight: 500; }
tbody th { font-weight: 500; }
tr:last-child > * { border-bottom: 0; }
tr.primary > * { font-weight: 700; }
td small { display: block; color: var(--muted); font-weight: 400; font-size: 0.76rem; }
.better { color: var(--good); }
.worse { color: var(--bad); }
table.confusion { width: auto; }
table.confusion td { text-align: center; min-width: 4.2em; border: 3px solid var(--panel); border-radius: 6px; padding: 10px 8px; background: rgba(var(--cell), var(--share)); }
table.confusion th { border: 0; color: var(--muted); font-weight: 500; padding: 6px 8px; }
table.confusion td, table.confusion tbody th { vertical-align: middle; }
table.confusion thead th { text-align: center; }
table.confusion caption { text-align: left; color: var(--muted); font-size: 0.85rem; padding: 4px 0; white-space: nowrap; }
div.scroll + div.scroll { margin-top: 12px; }
dl { display: grid; grid-template-columns: minmax(7em, max-content) minmax(0, 1fr); gap: 4px 16px; margin: 12px 0 0; font-size: 0.9rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 0.85em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (max-width: 520px) {
  main { padding: 22px 14px 48px; }
  body { font-size: 15px; }
  .panel { padding: 12px; }
  th, td { padding: 6px 4px; }
  td small { white-space: normal; max-width: 6em; margin-left: auto; }
  table:not(.confusion) tbody th { white-space: normal; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print {
  :root { --page: #ffffff; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  section { margin-top: 22pt; }
  .panel, .verdict, p { break-inside: avoid; }
  h2, .reading, .key, .grid.single { break-after: avoid; }
  .grid { grid-template-columns: 1fr 1fr; gap: 8pt; }
  .scroll { overflow: visible; }
  .panel { padding: 8pt; }
  table { font-size: 8.5pt; }
  th, td { padding: 3pt 2pt; }
  td small { white-space: normal; max-width: 6em; margin-left: auto; }
  table:not(.confusion) tbody th { white-space: normal; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
