"""The page's style sheet: light and dark, narrow and wide, screen and paper."""

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #ffffff; --ink: #17202e; --soft: #556274; --rule: #dfe4ec; --grid: #e9edf3;
  --one: #2563eb; --one-soft: #2563eb26; --two: #0d9488; --rest: #aebbcc;
  --good: #15803d; --fair: #65a30d; --warn: #d97706; --bad: #dc2626;
  --bad-ink: #b91c1c; --warn-ink: #9a5b05; --good-ink: #166534; --hover: #17202e0f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e131a; --card: #161d27; --ink: #e7ecf3; --soft: #9aa8ba; --rule: #2a3441; --grid: #222b37;
    --one: #60a5fa; --one-soft: #60a5fa2e; --two: #2dd4bf; --rest: #52617a;
    --good: #22c55e; --fair: #a3e635; --warn: #fbbf24; --bad: #f87171;
    --bad-ink: #fca5a5; --warn-ink: #fcd34d; --good-ink: #86efac; --hover: #e7ecf314;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
main, header.top, footer { max-width: 1200px; margin: 0 auto; padding: 0 20px; }
header.top { padding-top: 28px; padding-bottom: 14px; }
h1 { font-size: 25px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 0; }
.range { color: var(--soft); margin: 0; overflow-wrap: anywhere; }
.range b { color: var(--ink); font-weight: 600; }
code { font: 13px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 12px; margin: 0 0 16px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tile dt { color: var(--soft); font-size: 13px; }
.tile dd { margin: 0; }
.tile .value { font-size: 24px; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums;
  letter-spacing: -0.01em; white-space: nowrap; }
.tile .note { color: var(--soft); font-size: 12.5px; }
.grid { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; margin-bottom: 16px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 18px;
  min-width: 0; margin: 0; }
.card.full { grid-column: 1 / -1; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; margin-bottom: 10px; }
.head p { margin: 0; color: var(--soft); font-size: 13px; }
.keys { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 0 0 0 auto; padding: 0; list-style: none;
  color: var(--soft); font-size: 13px; }
.keys svg { width: 10px; height: 10px; margin-right: 5px; }
svg.chart { display: block; width: 100%; height: auto; overflow: visible; }
svg.narrow { display: none; }
.tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid-line, line.grid { stroke: var(--grid); stroke-width: 1; } line.axis { stroke: var(--rule); }
.hit { fill: transparent; } g:hover > .hit { fill: var(--hover); }
.shown { opacity: 0; } g:hover > .shown { opacity: 1; }
rect.one, .dot.one, .swatch.one { fill: var(--one); } rect.two, .dot.two, .swatch.two { fill: var(--two); }
rect.rest, .swatch.rest { fill: var(--rest); }
rect.good, .swatch.good { fill: var(--good); } rect.fair, .swatch.fair { fill: var(--fair); }
rect.warn, .swatch.warn { fill: var(--warn); } rect.bad, .swatch.bad { fill: var(--bad); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.one { stroke: var(--one); } .line.two { stroke: var(--two); }
.area.one { fill: var(--one-soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 6px; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 12.5px; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { color: var(--ink); font-weight: 500; font-size: 13.5px; }
.number { text-align: right; white-space: nowrap; } .time, .code, .address, .whole { white-space: nowrap; }
.text { overflow-wrap: anywhere; } .party { min-width: 118px; max-width: 220px; overflow-wrap: anywhere; }
.notes { min-width: 150px; overflow-wrap: anywhere; }
td.bar { width: 32%; min-width: 70px; } td.bar svg { display: block; width: 100%; height: 10px; }
.bar rect { rx: 2px; }
td.bad { color: var(--bad-ink); font-weight: 600; } td.warn { color: var(--warn-ink); font-weight: 600; }
td.good { color: var(--good-ink); }
details.data { margin-top: 8px; } details.data summary { color: var(--soft); font-size: 13px; cursor: pointer;
  width: fit-content; }
details.data[open] summary { margin-bottom: 8px; }
summary:focus-visible { outline: 2px solid var(--one); outline-offset: 3px; border-radius: 3px; }
.empty { color: var(--soft); margin: 0; }
.nothing { padding: 44px 20px; text-align: center; } .nothing h2 { font-size: 19px; margin-bottom: 6px; }
footer { color: var(--soft); font-size: 13px; padding-top: 14px; padding-bottom: 32px; }
footer p { margin: 0 0 4px; }
@media (max-width: 760px) {
  .tiles { grid-template-columns: 1fr 1fr; }
  .grid { grid-template-columns: 1fr; }
}
@media (max-width: 560px) {
  main, header.top, footer { padding-left: 12px; padding-right: 12px; }
  .card { padding: 14px 12px; }
  .tiles { gap: 10px; }
  .tile .value { font-size: 20px; }
  svg.wide { display: none; } svg.narrow { display: block; }
  .keys { margin-left: 0; }
}
@media print {
  :root {
    --page: #fff; --card: #fff; --ink: #111; --soft: #444; --rule: #bbb; --grid: #ddd; --one: #1d4ed8;
    --one-soft: #1d4ed826; --rest: #b5bfcc; --good: #15803d; --fair: #65a30d; --warn: #d97706; --bad: #dc2626;
    --bad-ink: #b91c1c; --warn-ink: #9a5b05; --good-ink: #166534;
  }
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, header.top, footer { max-width: none; padding: 0; }
  .card, .tile { break-inside: avoid; border-radius: 0; } .card.long { break-inside: auto; }
  tr { break-inside: avoid; } thead { display: table-header-group; }
  .grid { grid-template-columns: 1fr 1fr; gap: 10px; margin-bottom: 10px; }
  .tiles { grid-template-columns: repeat(5, 1fr); gap: 8px; }
  footer, .tile dt { font-size: 9px; }
  .tile { padding: 6px 8px; } .tile .value { font-size: 15px; } .tile .note { font-size: 9px; }
  .card { padding: 8px 10px; } h2 { font-size: 12px; } .head p, .keys, caption { font-size: 9px; }
  .scroll { overflow: visible; } table, tbody th, th { font-size: 9px; } th, td { padding: 2px 6px 2px 0; }
  .card.long table, .card.long tbody th { font-size: 8px; } .card.long .time { white-space: normal; }
  .party, .notes { min-width: 0; max-width: none; }
  details.data:not([open]) { display: none; }
}
"""

HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""By which the page's policy lets this sheet in, and no other."""

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{HASH}'; img-src data:; base-uri 'none'; form-action 'none'"
)
