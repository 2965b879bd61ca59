import { find, tell } from "./dom.js";
import * as api from "./api.js";
import * as devices from "./devices.js";
import * as device from "./device.js";
import * as overview from "./overview.js";
import * as view from "./view.js";

const RetryFirst = 1000;
const RetryMost = 15000;

// While one types, a new question for each letter would be one too many.
const TypingPause = 150;

let stream = null;
let retry = RetryFirst;
let timer;

const Events = {
  summary: overview.showSummary,
  fleet: overview.showFleet,
  rows: devices.showRows,
  device: device.fill,
};

function showView() {
  const shown = view.current();
  overview.showView(shown);
  devices.showView(shown);
  const before = document.body.dataset.device ?? "";
  document.body.dataset.device = shown.device;
  device.show(shown.device);
  if (before !== "" && shown.device === "") devices.focus(before);
}

function connect() {
  stream?.abort();
  clearTimeout(timer);
  stream = null;
  if (document.hidden) return;
  stream = new AbortController();
  run(stream.signal);
}

async function run(signal) {
  try {
    await api.listen(view.query(view.current()), signal, (name, data) => {
      if (signal.aborted) return;
      retry = RetryFirst;
      tellConnection("Live", "live");
      find("fault").hidden = true;
      find("sign-out").hidden = !api.hasToken();
      Events[name]?.(data);
    });
    throw new Error("The server has ended the connection.");
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) {
      signIn(api.hasToken() ? error.message : "");
      return;
    }
    tellConnection("Not connected", "lost");
    const fault = find("fault");
    fault.hidden = false;
    tell(fault, `${error instanceof TypeError ? "The server does not answer." : error.message} What you see may be old. It is tried again.`);
    timer = setTimeout(connect, retry);
    retry = Math.min(2 * retry, RetryMost);
  }
}

function tellConnection(text, kind) {
  const node = find("connection");
  tell(node, text);
  node.className = kind;
}

function signIn(fault) {
  tellConnection("Not signed in", "lost");
  tell(find("sign-in-fault"), fault);
  find("token").value = "";
  if (!find("sign-in").open) find("sign-in").showModal();
}

find("sign-in").addEventListener("submit", () => {
  api.setToken(find("token").value);
  connect();
});
// Without a token there is nothing to see: Escape does not help.
find("sign-in").addEventListener("cancel", event => event.preventDefault());
find("sign-out").addEventListener("click", () => {
  api.setToken(null);
  location.reload();
});
addEventListener("refused", event => { if (event.detail.status === 401) signIn(event.detail.message); });
addEventListener("hashchange", () => {
  showView();
  clearTimeout(timer);
  timer = setTimeout(connect, TypingPause);
});
addEventListener("popstate", showView);
document.addEventListener("visibilitychange", connect);
addEventListener("keydown", event => {
  const types = event.target.closest?.("input, select, textarea, dialog");
  if (event.key === "Escape" && !event.target.closest?.("dialog") && view.current().device) view.go({ device: "" });
  else if (event.key === "/" && !types) {
    event.preventDefault();
    find("search").focus();
  }
});
setInterval(device.tick, 1000);

overview.start();
devices.start();
showView();
connect();
