// What the page shows is in its address: it can be kept, sent to somebody, and gone back to.

export const Limit = 50;

const Standard = { q: "", state: "", sort: "id", order: "asc", page: "1", device: "" };

export function current() {
  const given = new URLSearchParams(location.hash.slice(1));
  const view = Object.fromEntries(Object.keys(Standard).map(key => [key, given.get(key) ?? Standard[key]]));
  if (!/^[1-9]\d{0,6}$/.test(view.page)) view.page = "1";
  return view;
}

/** Changes a part of it. What is typed does not make a history of its own. */
export function go(change, { replace = false } = {}) {
  const view = { ...current(), ...change };
  const changed = Object.entries(view).filter(([key, value]) => value !== Standard[key]);
  const hash = `#${new URLSearchParams(changed)}`;
  if (hash === (location.hash || "#")) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The same as a query for the server. */
export const query = view => new URLSearchParams({
  q: view.q, state: view.state, sort: view.sort, order: view.order, device: view.device,
  offset: (Number(view.page) - 1) * Limit, limit: Limit,
});
