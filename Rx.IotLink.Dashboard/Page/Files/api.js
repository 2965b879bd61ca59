// The token is kept for this tab alone, and is only ever sent in a header.

const Key = "iotlink-token";

export const hasToken = () => sessionStorage.getItem(Key) !== null;

export function setToken(token) {
  if (token === null) sessionStorage.removeItem(Key);
  else sessionStorage.setItem(Key, token);
}

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

function headers() {
  const token = sessionStorage.getItem(Key);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

async function fault(response) {
  let sentence = `The server answered ${response.status}.`;
  try {
    const problem = await response.json();
    sentence = problem.detail ?? problem.title ?? sentence;
  } catch {
    // It was no problem details: the status has to do.
  }
  return new Refused(response.status, sentence);
}

const pathOf = id => `api/devices/${encodeURIComponent(id)}`;

async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? headers() : { ...headers(), "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  if (!response.ok) throw await fault(response);
  return response.status === 204 ? {} : response.json();
}

export const send = (id, line) => ask("POST", `${pathOf(id)}/lines`, { line });
export const ping = id => ask("POST", `${pathOf(id)}/ping`);
export const kick = id => ask("POST", `${pathOf(id)}/disconnect`);
export const revoke = id => ask("DELETE", `${pathOf(id)}/keys`);
export const forget = id => ask("DELETE", pathOf(id));

/** Calls back for each event until the stream ends, or is aborted. EventSource could not send the token. */
export async function listen(query, signal, onEvent) {
  const response = await fetch(`api/page?${query}`, { headers: headers(), signal, cache: "no-store" });
  if (!response.ok) throw await fault(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const [name, data] = event.split("\ndata: ");
      onEvent(name.slice("event: ".length), JSON.parse(data));
    }
  }
}
