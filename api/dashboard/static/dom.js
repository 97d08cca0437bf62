/** Elements made of data. Text is always text: nothing here, or anywhere on this page, parses data as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. `on…` are listeners, true/false switch attributes, other values are attributes.
 * @param {string} tag @param {Record<string, unknown>} [attributes] @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return /** @type {HTMLElement} */ (furnish(document.createElement(tag), attributes, children));
}

/** The same for a drawing. @param {string} tag @param {Record<string, unknown>} [attributes] @param {...Child} children */
export function s(tag, attributes = {}, ...children) {
  return /** @type {SVGElement} */ (furnish(document.createElementNS(SVG, tag), attributes, children));
}

/** @param {Element} element @param {Record<string, unknown>} attributes @param {(Child | Child[])[]} children */
function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  const nodes = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.append(.../** @type {(Node | string)[]} */ (nodes.map((node) => (node instanceof Node ? node : String(node)))));
  return element;
}

/** The element of that id; the page is broken without it. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * Replace what is shown, unless it is the same; the focus stays on the element with the same `data-key`.
 * @param {Element} place @param {...(Child | Child[])} children
 */
export function show(place, ...children) {
  const wanted = furnish(/** @type {Element} */ (place.cloneNode(false)), {}, children);
  if (wanted.isEqualNode(place)) return;
  const focused = document.activeElement;
  const key = focused && place.contains(focused) ? focused.getAttribute("data-key") : null;
  place.replaceChildren(...wanted.childNodes);
  if (key) /** @type {HTMLElement | null} */ (place.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus();
}

/** A link that leaves the page, if its address is one. @param {string | null | undefined} address @param {string} text */
export function outward(address, text) {
  if (!/^https?:\/\//.test(address ?? "")) return null;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** A word with a colour. @param {"good" | "warn" | "bad" | "busy" | "plain"} tone @param {string} text */
export function chip(tone, text) {
  return h("span", { class: `chip ${tone}` }, text);
}

/** Name and number. @param {string} name @param {Child} value @param {string} [hint] */
export function figure(name, value, hint) {
  return h("div", { class: "figure" }, h("dt", { title: hint }, name), h("dd", {}, value));
}

/** A bar that says in words what it shows. @param {number} percent @param {string} label */
export function bar(percent, label) {
  return h("progress", { max: 100, value: percent, "aria-label": label }, `${percent} %`);
}

/** A button that cannot be pressed twice while it works. @param {string} text @param {() => Promise<unknown>} work @param {Record<string, unknown>} [more] */
export function button(text, work, more = {}) {
  const made = /** @type {HTMLButtonElement} */ (h("button", { type: "button", ...more }, text));
  made.addEventListener("click", async () => {
    // Not `disabled`: that would take the focus away.
    if (made.getAttribute("aria-disabled") === "true") return;
    made.setAttribute("aria-disabled", "true");
    try {
      await work();
    } finally {
      made.removeAttribute("aria-disabled");
    }
  });
  return made;
}
