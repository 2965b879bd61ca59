import { find, make, set, tell, visible } from "./dom.js";
import { count, dateAndClock, rate, since, why, words } from "./format.js";
import { spark } from "./charts.js";
import * as view from "./view.js";

// What the heads sort by, and in which order at the first press.
const Heads = [
  ["State", "state", "asc"], ["Device", "id", "asc"], ["Since", "since", "desc"], ["Why", null],
  ["In/s", "received", "desc"], ["Out/s", "sent", "desc"], ["Waiting", "outbox", "desc"], ["Trend", null],
];

const rows = new Map();
const heads = new Map();
const data = new Map();

export function start() {
  for (const [name, sort, first] of Heads) {
    const head = make("th", { scope: "col", class: `c-${(sort ?? name).toLowerCase()}` });
    if (sort) {
      head.append(make("button", { type: "button", click: () => sortBy(sort, first) }, name));
      heads.set(sort, head);
    } else head.append(name);
    find("heads").append(head);
  }
  find("filter").addEventListener("submit", event => event.preventDefault());
  find("search").addEventListener("input", event => view.go({ q: event.target.value, page: "1" }, { replace: true }));
  find("sort").addEventListener("change", event => {
    const [sort, order] = event.target.value.split(" ");
    view.go({ sort, order, page: "1" });
  });
  find("previous").addEventListener("click", () => turn(-1));
  find("next").addEventListener("click", () => turn(1));
  setInterval(() => { for (const [id, row] of rows) if (data.has(id)) tell(row.since, since(data.get(id).since)); }, 1000);
}

const turn = by => view.go({ page: String(Number(view.current().page) + by) });

function sortBy(sort, first) {
  const now = view.current();
  view.go({ sort, order: now.sort === sort ? (now.order === "asc" ? "desc" : "asc") : first, page: "1" });
}

export function showView(shown) {
  if (find("search").value !== shown.q) find("search").value = shown.q;
  const select = find("sort");
  select.value = `${shown.sort} ${shown.order}`;
  for (const [sort, head] of heads) {
    if (sort === shown.sort) head.setAttribute("aria-sort", shown.order === "asc" ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  }
  for (const [id, row] of rows) mark(row, id === shown.device);
}


export function showRows({ total, ids, rows: changed }) {
  for (const row of changed) data.set(row.id, row);
  const wanted = new Set(ids);
  for (const id of [...data.keys()]) {
    if (!wanted.has(id)) data.delete(id);
  }
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  const shown = view.current();
  const body = find("rows");
  ids.forEach((id, at) => {
    let row = rows.get(id);
    if (!row) rows.set(id, row = makeRow(id, shown.device === id));
    // Only what is elsewhere is moved: it would lose the focus.
    if (body.children[at] !== row.node) body.insertBefore(row.node, body.children[at] ?? null);
  });
  for (const { id } of changed) if (rows.has(id)) fill(rows.get(id), data.get(id));
  const page = Number(shown.page);
  const pages = Math.max(1, Math.ceil(total / view.Limit));
  tell(find("found"), `${count(total)} ${total === 1 ? "device" : "devices"}${shown.q || shown.state ? " found" : ""}`);
  find("nothing").hidden = ids.length > 0;
  tell(find("page"), `Page ${count(page)} of ${count(pages)}`);
  find("previous").disabled = page <= 1;
  find("next").disabled = page >= pages;
  find("pager").hidden = pages === 1 && page === 1;
  if (page > pages) view.go({ page: String(pages) }, { replace: true });
}

function makeRow(id, isShown) {
  const cell = name => make("td", { class: `c-${name}` });
  const open = make("button", { type: "button", class: "link", "data-id": id, click: () => view.go({ device: id }) }, make("bdi", {}, visible(id)));
  const time = make("time");
  const row = {
    state: make("span"), since: time, why: cell("why"), received: cell("received"), sent: cell("sent"), outbox: cell("outbox"), spark: cell("trend"), open,
  };
  row.node = make("tr", {},
    make("td", { class: "c-state" }, row.state), make("th", { scope: "row", class: "c-id" }, open), make("td", { class: "c-since" }, time),
    row.why, row.received, row.sent, row.outbox, row.spark);
  mark(row, isShown);
  return row;
}

function mark(row, isShown) {
  row.node.classList.toggle("shown", isShown);
  if (isShown) row.open.setAttribute("aria-current", "true");
  else row.open.removeAttribute("aria-current");
}

function fill(row, device) {
  set(row.state, "class", `state ${device.state}`);
  tell(row.state, words(device.state));
  set(row.since, "datetime", device.since);
  set(row.since, "title", dateAndClock(device.since));
  tell(row.since, since(device.since));
  tell(row.why, device.outage && device.state !== "up" ? visible(why(device.outage)) : "");
  set(row.why, "title", row.why.textContent);
  tell(row.received, rate(device.received));
  tell(row.sent, rate(device.sent));
  tell(row.outbox, device.outbox === 0 ? "" : count(device.outbox));
  row.spark.replaceChildren(spark(device.spark));
}

/** Gives the focus back to the row of a device that was looked at. */
export const focus = id => (rows.get(id)?.open ?? find("search")).focus();
