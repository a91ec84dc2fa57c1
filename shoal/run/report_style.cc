#include "shoal/run/report_style.h"

namespace shoal {

const std::string_view kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1d2126; --soft: #5c646d; --rule: #cfd4d9; --grid: #e9ecef;
  --c0: #0068a8; --c1: #c94f00; --c2: #008060; --c3: #b8508f;
  --c4: #a87400; --c5: #2f92cf; --c6: #4a4f55; --c7: #7a5cc0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --ink: #e4e7ea; --soft: #98a1aa; --rule: #434a51; --grid: #262b30;
    --c0: #56b4e9; --c1: #f0803c; --c2: #2fc096; --c3: #e08cbc;
    --c4: #e6b422; --c5: #8cc8ee; --c6: #b8bec4; --c7: #b09cea;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 3vw, 3rem) 4rem; max-width: 90rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.6rem; font-weight: 600; line-height: 1.2; margin: 0 0 1.5rem; }
h2 { font-size: 1rem; font-weight: 600; margin: 0 0 .5rem; }
p, figcaption { color: var(--soft); font-size: .82rem; line-height: 1.45; text-wrap: pretty; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .38rem 0 .38rem 2.2rem; text-align: right; }
th {
  color: var(--soft); font-weight: 400; font-size: .82rem; border-bottom: 1px solid var(--rule);
}
td { border-bottom: 1px solid var(--grid); }
th.text, td.text { text-align: left; padding-left: 0; }
.note { margin: .6rem 0 0; max-width: 46rem; }
.key { width: 2rem; height: .7rem; margin-right: .6rem; vertical-align: 0; }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem 1.8rem; margin: 2.5rem 0 0; padding: .7rem 0;
  list-style: none; background: var(--paper);
}
.row {
  display: grid; gap: 2rem 2.5rem; grid-template-columns: minmax(0, 40rem);
  margin: 1rem 0 2.5rem;
}
figure { margin: 0; position: relative; }
figcaption { margin-top: .5rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg.key { display: inline-block; }
.grid path { stroke: var(--grid); }
.axis path { stroke: var(--rule); }
.ticks text {
  fill: var(--soft); font-size: 11.5px; text-anchor: middle; font-variant-numeric: tabular-nums;
}
.ticks text.left { text-anchor: end; }
.run path { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.run path:first-child { stroke-dasharray: var(--d); }
.run circle { fill: var(--c); stroke: var(--paper); stroke-width: 1.5; }
.run.faint path { stroke-width: 1; opacity: .65; }
.hair { stroke: var(--soft); stroke-width: 1; opacity: .5; }
.readout {
  position: absolute; pointer-events: none; z-index: 2; padding: .45rem .65rem;
  background: var(--paper); border: 1px solid var(--rule); border-radius: 4px;
  font-size: .78rem; line-height: 1.5; white-space: nowrap; font-variant-numeric: tabular-nums;
}
.readout b { font-weight: 600; color: var(--c); }
details { margin-top: 2rem; }
summary { cursor: pointer; color: var(--soft); font-size: .82rem; }
details table { font-size: .82rem; margin-top: .6rem; }
details td, details th { text-align: left; padding-left: 0; padding-right: 2.2rem; }
code { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .95em; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.d0 { --d: none; } .d1 { --d: 7 3; } .d2 { --d: 2.5 2.5; } .d3 { --d: 9 3 2.5 3; }
.d4 { --d: 14 4; }
@media (min-width: 68rem) {
  .row { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@media (max-width: 68rem) {
  th, td { padding-left: 1.4rem; }
  .legend.few { position: sticky; top: 0; z-index: 1; }
}
@media print {
  .row { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  figure { break-inside: avoid; }
}
)css";

const std::string_view kReportScript = R"js(
for (const svg of document.querySelectorAll("svg.plot")) {
  const numbers = (key) => svg.dataset[key].split(" ").map(Number);
  const [left, right, top, bottom] = numbers("frame");
  const value = (share, [low, high, log]) =>
    log ? low * Math.pow(high / low, share) : low + share * (high - low);
  const shown = (v) =>
    Math.abs(v) >= 1e6 ? v.toExponential(2) : String(Number(v.toPrecision(3)));
  const curves = [...svg.querySelectorAll(".run")].reverse().map((run) => ({
    run,
    points: run.firstChild.getAttribute("d").slice(1).split("L")
      .map((point) => point.split(" ").map(Number)),
  }));
  const hair = document.createElementNS("http://www.w3.org/2000/svg", "path");
  hair.setAttribute("class", "hair");
  const box = document.createElement("div");
  box.className = "readout";
  const hide = () => { hair.remove(); box.remove(); };
  const nearest = (points, x) =>
    points.reduce((best, p) => (Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best));
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const scale = frame.width / svg.viewBox.baseVal.width;
    const x = (event.clientX - frame.left) / scale;
    if (x < left - 4 || x > right + 4) return hide();
    const axis = numbers("x");
    const at = value(Math.min(1, Math.max(0, (x - left) / (right - left))), axis) / axis[3];
    const unit = svg.dataset.unit;
    box.replaceChildren(unit ? `${shown(at)} ${unit}` : `round ${Math.round(at)}`);
    for (const { run, points } of curves) {
      if (x > points[points.length - 1][0] + 6 || x < points[0][0] - 6) continue;
      const line = document.createElement("div");
      const figure = document.createElement("b");
      figure.className = run.getAttribute("class").replace("run ", "");
      const y = nearest(points, x)[1];
      figure.textContent = (y - top < 0.02 ? "from " : "") +
        shown(value((bottom - y) / (bottom - top), numbers("y")));
      line.append(figure, " " + run.dataset.name);
      box.append(line);
    }
    hair.setAttribute("d", `M${x} ${top}V${bottom}`);
    svg.append(hair);
    svg.parentNode.append(box);
    const turned = x > (left + right) / 2;
    box.style.left = turned ? "auto" : `${x * scale + 12}px`;
    box.style.right = turned ? `${frame.width - x * scale + 12}px` : "auto";
    box.style.top = `${frame.top - svg.parentNode.getBoundingClientRect().top + top * scale}px`;
  });
}
)js";

}  // namespace shoal
