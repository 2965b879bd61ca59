let ahead = 0;

/** The time of the server: its clock and that of this machine may differ. */
export const now = () => Date.now() + ahead;

export const serverTimeIs = time => { ahead = Date.parse(time) - Date.now(); };

const Units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** A time span: the two greatest units of it, "2 h 5 min". */
export function span(milliseconds) {
  let rest = Math.max(0, Math.round(milliseconds / 1000));
  const at = Units.findIndex(([seconds]) => rest >= seconds);
  if (at < 0) return "0 s";
  const parts = [];
  for (const [seconds, unit] of Units.slice(at, at + 2)) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

export const since = time => span(now() - Date.parse(time));

export const clock = time => new Date(time).toLocaleTimeString([], { hour12: false });

export const dateAndClock = time => new Date(time).toLocaleString([], { hour12: false });

export const count = number => number.toLocaleString("en");

export const many = (number, one, several) => `${count(number)} ${number === 1 ? one : several}`;

/** A rate, in lines a second. */
export const rate = number =>
  number === 0 ? "0" : number >= 100 ? count(Math.round(number)) : number >= 10 ? number.toFixed(0) : number.toFixed(1);

export const milliseconds = number => number >= 100 ? `${Math.round(number)} ms` : `${number.toPrecision(2)} ms`;

/** Why a device is down: the detail often says the reason already. */
export const why = ({ reason, detail }) =>
  detail.toLowerCase().includes(words(reason)) ? detail : `${words(reason)}: ${detail}`;

export const words = name => name.replaceAll("_", " ");
