import { find, make, tell, visible } from "./dom.js";
import { count, many, rate, serverTimeIs, words } from "./format.js";
import { Chart, times } from "./charts.js";
import * as view from "./view.js";

const Tiles = [["", "all"], ["up", "up"], ["down", "down"], ["connecting", "connecting"]];

const tiles = new Map();
let upChart;
let rateChart;

export function start() {
  for (const [state, name] of Tiles) {
    const number = make("strong", {}, "–");
    const button = make("button", {
      type: "button", class: `tile ${state || "all"}`, "aria-pressed": "false",
      click: () => view.go({ state, page: "1" }),
    }, number, make("span", {}, name));
    tiles.set(state, { button, number });
    find("tiles").append(button);
  }
  upChart = new Chart(find("up-chart"), { series: ["up"], label: "Devices up in the last five minutes" });
  rateChart = new Chart(find("rate-chart"), { series: ["received", "sent"], label: "Lines a second in the last five minutes" });
}

export function showView({ state }) {
  for (const [of, { button }] of tiles) button.setAttribute("aria-pressed", String(of === state));
}

export function showSummary({ fleet, health, missing, missingIds }) {
  serverTimeIs(fleet.time);
  for (const [state, { number }] of tiles) tell(number, count(state === "" ? fleet.devices : fleet.states[state] ?? 0));
  const badge = find("health");
  badge.hidden = false;
  badge.className = `badge ${health.status}`;
  tell(badge, health.status === "healthy" ? "healthy" : health.detail);
  figures([
    ["connections", fleet.connections], ["opening", fleet.openings], ["accepted since the start", fleet.connectionsAccepted],
    ["lines received", fleet.received], ["lines sent", fleet.sent], ["waiting for devices", fleet.outbox], ["waiting for the application", fleet.inbox],
  ]);
  const refused = Object.entries(fleet.refused).sort((a, b) => b[1] - a[1]);
  details("refusals", many(refused.reduce((sum, [, n]) => sum + n, 0), "connection refused", "connections refused"), refused.map(([why, n]) => `${words(why)}: ${count(n)}`));
  details("missing", many(missing, "expected device is not up", "expected devices are not up"),
    [...missingIds.map(visible), ...(missing > missingIds.length ? [`and ${count(missing - missingIds.length)} more`] : [])]);
}

export function showFleet({ stepSeconds, up, received, sent }) {
  const at = times(stepSeconds, up.length);
  upChart.show(at, up);
  rateChart.show(at, received, sent);
  tell(find("rate-chart").parentElement.querySelector(".received"), `received ${rate(received.at(-1) ?? 0)}`);
  tell(find("rate-chart").parentElement.querySelector(".sent"), `sent ${rate(sent.at(-1) ?? 0)}`);
}

function figures(all) {
  const list = find("figures");
  if (list.childElementCount === 0)
    list.append(...all.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))));
  all.forEach(([, value], at) => tell(list.children[at].lastChild, count(value)));
}

function details(id, summary, lines) {
  const node = find(id);
  node.hidden = lines.length === 0;
  tell(node.querySelector("summary"), summary);
  const list = node.querySelector("ul");
  while (list.children.length > lines.length) list.lastChild.remove();
  while (list.children.length < lines.length) list.append(make("li"));
  lines.forEach((line, at) => tell(list.children[at], line));
}
