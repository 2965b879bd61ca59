import { find, make, set, tell, visible } from "./dom.js";
import { clock, count, dateAndClock, milliseconds, now, rate, since, span, why, words } from "./format.js";
import { Chart, timeline, times } from "./charts.js";
import * as api from "./api.js";
import * as view from "./view.js";

const MeasureEvery = 2000;
const MaxPings = 60;
const MaxEntries = 20;

let panel = null;

/** Shows this device, or none; it is filled when the server has sent it. */
export function show(id) {
  if ((panel?.id ?? "") === id) return;
  panel?.end();
  panel = id === "" ? null : new Panel(id);
  find("device").hidden = panel === null;
  document.body.classList.toggle("with-device", panel !== null);
}

export const fill = data => panel?.fill(data);

export const tick = () => panel?.tick();

/** Everything about one device, and what can be done with it. */
class Panel {
  constructor(id) {
    this.id = id;
    this.pings = [];
    const place = find("device");
    this.heading = make("h2", { id: "device-id", tabindex: "-1" }, make("bdi", {}, visible(id)));
    this.state = make("span", { class: "state" });
    this.sinceWhen = make("time");
    this.why = make("p", { class: "why" });
    this.facts = make("dl", { class: "facts" });
    this.input = make("input", { id: "line", autocomplete: "off", spellcheck: "false", required: true });
    this.entries = make("ol", { class: "log", role: "log", "aria-label": "What was done" });
    this.measure = make("button", { type: "button", "aria-pressed": "false", click: () => this.toggleMeasuring() }, "Measure latency");
    this.bar = make("div", { class: "bar" });
    this.barLegend = make("p", { class: "hint ends" }, make("span"), make("span", {}, "now"));
    this.outages = make("ol", { class: "outages" });
    this.lines = make("ol", { class: "lines" });
    this.noLines = make("p", { class: "hint", hidden: true });
    const rates = make("div", { class: "chart" });
    const latency = make("div", { class: "chart" });
    this.latencyFigure = make("figure", { hidden: true }, make("figcaption", {}, "Round trip, ms: ", this.latencyNow = make("span")), latency);
    place.replaceChildren(
      make("div", { class: "head" }, this.heading, make("button", { type: "button", class: "close", "aria-label": "Close", click: () => view.go({ device: "" }) }, "✕")),
      make("p", {}, this.state, " for ", this.sinceWhen), this.why,
      make("form", { class: "send", submit: event => this.send(event) },
        make("label", { for: "line" }, "Send a line"), this.input, make("button", { type: "submit", class: "main" }, "Send")),
      make("div", { class: "buttons", role: "group", "aria-label": "Actions" },
        this.action("Ping", "ping"), this.measure, this.action("Kick", "kick", "End the connection. The link stays, and no line is lost."),
        // These two stay together, also where the others fill the row.
        make("span", { class: "buttons" },
          make("button", { type: "button", class: "danger", title: "Nobody can connect with the keys of this device any more.", click: () => this.revoke() }, "Revoke keys…"),
          make("button", { type: "button", class: "danger", click: () => this.forget() }, "Forget…"))),
      this.entries,
      make("h3", {}, "Outages"), this.bar, this.barLegend, this.outages,
      make("h3", {}, "Last lines"), this.lines, this.noLines,
      make("figure", {}, make("figcaption", {}, "Lines a second: ", this.receivedNow = make("span", { class: "key received" }), " ", this.sentNow = make("span", { class: "key sent" })), rates),
      this.latencyFigure,
      make("h3", {}, "Facts"), this.facts);
    this.rates = new Chart(rates, { series: ["received", "sent"], label: "Lines a second of this device in the last five minutes" });
    this.latency = new Chart(latency, { series: ["latency"], label: "Round trips to this device" });
    place.hidden = false;
    this.heading.focus();
  }

  end() {
    clearInterval(this.measuring);
    this.rates.destroy();
    this.latency.destroy();
    find("device").replaceChildren();
  }

  fill(data) {
    if (data === null) {
      this.data = null;
      set(this.state, "class", "state");
      tell(this.state, "not known");
      tell(this.why, "The server does not know this device, or has forgotten it.");
      return;
    }
    this.data = data;
    const { device } = data;
    set(this.state, "class", `state ${device.state}`);
    tell(this.state, words(device.state));
    set(this.sinceWhen, "datetime", device.since);
    set(this.sinceWhen, "title", dateAndClock(device.since));
    tell(this.why, device.outage && device.state !== "up" ? visible(why(device.outage)) : "");
    this.fillFacts(device);
    this.fillOutages(data.states);
    this.fillLines(data);
    this.rates.show(times(data.stepSeconds, data.received.length), data.received, data.sent);
    tell(this.receivedNow, `received ${rate(data.received.at(-1) ?? 0)}`);
    tell(this.sentNow, `sent ${rate(data.sent.at(-1) ?? 0)}`);
    this.tick();
  }

  /** What grows with time alone. */
  tick() {
    if (!this.data) return;
    tell(this.sinceWhen, since(this.data.device.since));
    const { states } = this.data;
    if (states.length === 0) return;
    // At least a minute: else a new device would be one bar without a meaning.
    const from = Math.min(Date.parse(states[0].since), now() - 60_000);
    this.bar.replaceChildren(timeline(states, from, now()));
    tell(this.barLegend.firstChild, `${span(now() - from)} ago`);
  }

  fillFacts(device) {
    const c = device.counters;
    const all = [
      ["address", device.address ?? "none"], ["protocol", String(device.protocol)], ["connections", count(device.connections)], ["outages", count(c.outages)],
      ["last line", device.lastLineAt ? dateAndClock(device.lastLineAt) : "none"], ["received", count(c.received)], ["accepted by the device", count(c.accepted)],
      ["sent best effort", count(c.bestEffortSent)], ["sent again", count(c.repeated)], ["came again", count(c.duplicates)],
      ["found the inbox full", count(c.withheld)], ["dropped", count(c.dropped)], ["wait for the device", count(c.outbox)], ["wait for the application", count(c.inbox)],
    ];
    if (this.facts.childElementCount === 0) this.facts.append(...all.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))));
    all.forEach(([, value], at) => tell(this.facts.children[at].lastChild, value));
  }

  fillOutages(states) {
    const key = states.map(state => state.since).join();
    if (key === this.outagesKey) return;
    this.outagesKey = key;
    const down = states.map((state, at) => ({ ...state, until: states[at + 1]?.since })).filter(state => state.state === "down").reverse();
    this.outages.replaceChildren(...(down.length === 0 ? [make("li", { class: "hint" }, "None so far.")] : down.slice(0, 10).map(outage => make("li", {},
      make("time", { datetime: outage.since, title: dateAndClock(outage.since) }, clock(outage.since)),
      ` ${outage.until ? span(Date.parse(outage.until) - Date.parse(outage.since)) : "until now"}, `,
      outage.outage ? visible(why(outage.outage)) : ""))));
  }

  fillLines({ lines, keepsLines }) {
    this.noLines.hidden = lines.length > 0;
    tell(this.noLines, keepsLines ? "None so far." : "Lines are not kept (LastLines is 0).");
    const key = lines.map(line => line.at + line.text).join("\n");
    if (key === this.linesKey) return;
    this.linesKey = key;
    this.lines.replaceChildren(...lines.toReversed().map(line => make("li", {},
      make("time", { datetime: line.at, title: dateAndClock(line.at) }, clock(line.at)), make("bdi", { class: "text" }, `${visible(line.text)}${line.isWhole ? "" : "…"}`))));
  }

  action(name, what, title) {
    return make("button", { type: "button", title, click: () => this[what]() }, name);
  }

  async send(event) {
    event.preventDefault();
    const line = this.input.value;
    const entry = this.log(`“${visible(line)}” is sent…`, "busy");
    this.input.value = "";
    const began = performance.now();
    await this.tellEnd(entry, async () => {
      const { state } = await api.send(this.id, line);
      return state === "accepted"
        ? `“${visible(line)}” accepted after ${span2(performance.now() - began)}`
        : `“${visible(line)}” waits for the device; it is sent when the device comes`;
    });
  }

  async ping() {
    await this.tellEnd(this.log("Ping…", "busy"), async () => `Round trip ${milliseconds((await api.ping(this.id)).milliseconds)}`);
  }

  async kick() {
    await this.tellEnd(this.log("Kick…", "busy"), async () => (await api.kick(this.id)).wasConnected ? "Disconnected" : "It was not connected");
  }

  async revoke() {
    if (!await confirm(`Revoke the keys of ${visible(this.id)}?`, "The server deletes them, and the connection ends. The device cannot connect again until it has a new key. Its memory, and the lines that wait for it, stay.", "Revoke")) return;
    await this.tellEnd(this.log("Revoke…", "busy"), async () => (await api.revoke(this.id)).hadKey ? "Keys revoked" : "It had no key");
  }

  async forget() {
    if (!await confirm(`Forget ${visible(this.id)}?`, "Its connection ends, and its memory is deleted, in the session store too. Lines that wait for it are lost. If it comes again, it is a new device.", "Forget")) return;
    await this.tellEnd(this.log("Forget…", "busy"), async () => {
      await api.forget(this.id);
      return "Forgotten";
    });
  }

  toggleMeasuring() {
    const begins = !this.measuring;
    this.measure.setAttribute("aria-pressed", String(begins));
    this.latencyFigure.hidden = false;
    clearInterval(this.measuring);
    this.measuring = begins ? setInterval(() => this.measureOnce(), MeasureEvery) : undefined;
    if (begins) this.measureOnce();
  }

  async measureOnce() {
    if (this.isMeasuring || document.hidden) return;
    this.isMeasuring = true;
    try {
      const { milliseconds: took } = await api.ping(this.id);
      this.pings = [...this.pings, [now() / 1000, took]].slice(-MaxPings);
      tell(this.latencyNow, milliseconds(took));
      this.latency.show(this.pings.map(([at]) => at), this.pings.map(([, time]) => time));
    } catch (error) {
      tell(this.latencyNow, error.message);
      // What can never be measured is not asked for again.
      if (error.status !== 409 && this.measuring) this.toggleMeasuring();
    } finally {
      this.isMeasuring = false;
    }
  }

  log(text, kind) {
    const entry = make("li", { class: kind }, make("time", {}, clock(now())), make("span", {}, text));
    this.entries.prepend(entry);
    while (this.entries.children.length > MaxEntries) this.entries.lastChild.remove();
    return entry;
  }

  async tellEnd(entry, run) {
    try {
      entry.lastChild.textContent = await run();
      entry.className = "done";
    } catch (error) {
      entry.lastChild.textContent = error.message;
      entry.className = "failed";
      dispatchEvent(new CustomEvent("refused", { detail: error }));
    }
  }
}

const span2 = time => time < 1000 ? `${Math.max(1, Math.round(time))} ms` : `${(time / 1000).toFixed(1)} s`;

/** Asks before what cannot be taken back. */
function confirm(title, text, yes) {
  const dialog = find("confirm");
  tell(find("confirm-title"), title);
  tell(find("confirm-text"), text);
  tell(find("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
