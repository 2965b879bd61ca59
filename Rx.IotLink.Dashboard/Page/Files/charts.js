import { makeSvg } from "./dom.js";
import { clock, words, now } from "./format.js";

/* global uPlot */

const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A chart over time (uPlot) that is as wide as its place, and in the colours of the page. */
export class Chart {
  constructor(place, { series, height = 90, unit = "", label }) {
    this.place = place;
    this.series = series;
    this.height = height;
    this.unit = unit;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", label);
    this.data = [[], ...series.map(() => [])];
    this.sizing = new ResizeObserver(() => this.fit());
    this.sizing.observe(place);
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.theme.addEventListener("change", this.redraw);
  }

  /** Times in seconds, and the values of each series. */
  show(times, ...values) {
    this.data = [times, ...values];
    if (this.plot) this.plot.setData(this.data);
    else this.draw();
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.place.clientWidth;
    if (width < 40 || this.data[0].length < 2) return;
    const axis = {
      stroke: color("--faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    this.plot = new uPlot({
      width, height: this.height, padding: [6, 26, 0, 0],
      cursor: { show: false }, legend: { show: false }, select: { show: false },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [
        { ...axis, size: 20, space: 70, values: (_, ticks) => ticks.map(tick => clock(tick * 1000).slice(0, ticks[1] - ticks[0] < 60 ? 8 : 5)) },
        { ...axis, size: 44, space: 26, values: (_, ticks) => ticks.map(tick => `${tick.toLocaleString("en")}${this.unit}`) },
      ],
      series: [{}, ...this.series.map(name => ({
        stroke: color(`--${name}`), fill: `${color(`--${name}`)}22`, width: 1.5, points: { show: false },
      }))],
    }, this.data, this.place);
  }

  fit() {
    if (!this.plot) this.draw();
    else if (this.plot.width !== this.place.clientWidth && this.place.clientWidth >= 40)
      this.plot.setSize({ width: this.place.clientWidth, height: this.height });
  }

  destroy() {
    this.sizing.disconnect();
    this.theme.removeEventListener("change", this.redraw);
    this.plot?.destroy();
  }
}

/** The times of samples that end now. */
export const times = (step, length) => Array.from({ length }, (_, at) => now() / 1000 - (length - 1 - at) * step);

/** A line of numbers in a row of the table: too many of them for charts. */
export function spark(numbers) {
  const [width, height, most] = [96, 20, Math.max(...numbers, 1)];
  const svg = makeSvg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  if (numbers.length > 1) {
    const points = numbers.map((n, at) =>
      `${(at / (numbers.length - 1) * width).toFixed(1)},${(height - 1 - n / most * (height - 2)).toFixed(1)}`);
    svg.append(makeSvg("polyline", { points: points.join(" ") }));
  }
  return svg;
}

/** The states of a device over time, as one bar. */
export function timeline(states, from, until) {
  const width = 1000;
  const svg = makeSvg("svg", { class: "timeline", viewBox: `0 0 ${width} 20`, preserveAspectRatio: "none", "aria-hidden": "true" });
  states.forEach((state, at) => {
    const begin = Math.max(from, Date.parse(state.since));
    const end = at + 1 < states.length ? Date.parse(states[at + 1].since) : until;
    if (end <= from || end < begin) return;
    const x = (begin - from) / (until - from) * width;
    // A short outage must be seen all the same.
    const wide = Math.max((end - begin) / (until - from) * width, state.state === "up" ? 0 : 3);
    const title = makeSvg("title");
    title.textContent = `${words(state.state)} from ${clock(begin)}`;
    svg.append(makeSvg("rect", { class: state.state, x: x.toFixed(1), y: 0, width: wide.toFixed(1), height: 20 }, title));
  });
  return svg;
}
