// What comes from a device is put into the page as text only: nothing here takes HTML.

const Hidden = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A text of a device, with what cannot be seen, or would turn other text round, made visible. */
export const visible = text => String(text).replace(Hidden, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const find = id => document.getElementById(id);

/** Makes an element: its attributes (functions are listeners), and what is in it. */
export function make(name, attributes = {}, ...content) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...content.filter(part => part != null));
  return node;
}

const Svg = "http://www.w3.org/2000/svg";

export function makeSvg(name, attributes = {}, ...content) {
  const node = document.createElementNS(Svg, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...content);
  return node;
}

/** Sets a text only if it is another: nothing is drawn, or read out, again. */
export function tell(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
