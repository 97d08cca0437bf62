/** One row's editor, and the way of an edit: accepted here, sent, and at last verified or failed at CardTrader. */

import { ApiError } from "./api.js";
import { chip, h, show } from "./dom.js";
import { alertOf, told } from "./errors.js";
import { money, parseCount, parseMoney } from "./format.js";
import { pause } from "./poll.js";

const LOOK_MS = 700;
const STEPS = /** @type {const} */ ([
  ["held", "warn", "waits for approval"],
  ["sending", "busy", "being sent"],
  ["accepted", "busy", "accepted by CardTrader"],
  ["waiting", "busy", "accepted"],
]);
const WAITING = {
  RESUME: "accepted; sent once the account is resumed",
  LINK: "accepted; sent once the account is linked again",
  WRITES_ENABLED: "accepted; sent once the operator allows writing",
};

/** What is to be changed, or the field that cannot be. @param {any} item @param {string} quantity @param {string} price */
export function wish(item, quantity, price) {
  const copies = parseCount(quantity);
  const cents = parseMoney(price);
  if (copies === null) return { field: "quantity", problem: "Copies are a whole number of at least 0." };
  if (cents === null) return { field: "price", problem: "A price is a number such as 12.34." };
  const wanted = {};
  if (copies !== item.quantity + item.raise_pending) wanted.quantity = copies;
  if (cents !== item.price_cents) wanted.price_cents = cents;
  return { wanted };
}

/**
 * Turn a row into its editor; Enter saves, Escape leaves.
 * @param {import("./desk.js").Desk} desk @param {any} item @param {HTMLElement} row
 * @param {(item: any, state: HTMLElement | null) => void} finished
 */
export function openEditor(desk, item, row, finished) {
  const id = `edit-${item.id}`;
  const field = (name, label, value, mode) =>
    h("label", { for: `${id}-${name}` }, label, h("input", { id: `${id}-${name}`, name, value, inputmode: mode, autocomplete: "off", required: true }));
  const note = h("div", { class: "note" });
  const save = h("button", { type: "submit", class: "primary" }, "Save");
  const form = h(
    "form",
    { class: "editor", "aria-label": `Edit product ${item.external_stock_id ?? item.id}` },
    field("quantity", "Copies", item.quantity + item.raise_pending, "numeric"),
    field("price", "Price", money(item.price_cents), "decimal"),
    save,
    h("button", { type: "button", onclick: () => leave() }, "Leave"),
    note,
  );
  const leave = () => {
    finished(item, null);
    /** @type {HTMLElement | null} */ (row.querySelector("button"))?.focus();
  };
  const submit = async () => {
    const { wanted, field: wrong, problem } = wish(item, form.quantity.value, form.price.value);
    if (problem) {
      form[wrong].focus();
      return show(note, h("p", { class: "alert", role: "alert" }, problem));
    }
    if (Object.keys(wanted).length === 0) return leave();
    save.setAttribute("aria-disabled", "true");
    try {
      const path = desk.own("inventory", `/item/${item.id}`);
      const accepted = await desk.api.put(path, wanted, { "If-Match": `"${item.row_version}"` });
      await follow(desk, item, accepted, row, finished);
    } catch (error) {
      desk.failed(error);
      if (error instanceof ApiError && error.status === 412) {
        item = (await current(desk, item)) ?? item;
        form.quantity.value = item.quantity + item.raise_pending;
        form.price.value = money(item.price_cents);
      }
      show(note, alertOf(error));
    } finally {
      save.removeAttribute("aria-disabled");
    }
  };
  form.addEventListener("submit", (event) => (event.preventDefault(), save.getAttribute("aria-disabled") || void submit()));
  form.addEventListener("keydown", (event) => event.key === "Escape" && leave());
  show(row, row.querySelector(".product"), h("td", { colspan: 4 }, form));
  form.quantity.focus();
  form.quantity.select();
}

/** Show the way of an accepted edit in its row until it has ended. */
async function follow(desk, item, accepted, row, finished) {
  const state = h("span", { role: "status", "data-following": true }, chip("busy", WAITING[accepted.waiting_for] ?? "accepted"));
  const asked = { ...item, quantity: accepted.quantity_on_sale, raise_pending: accepted.quantity - accepted.quantity_on_sale };
  item = { ...asked, price_cents: accepted.price_cents, row_version: accepted.row_version, sync_state: "pending" };
  finished(item, state);
  /** @type {HTMLElement | null} */ (row.querySelector("button"))?.focus();
  if (accepted.task_id === null) return finished(item, null);
  const end = await ended(desk, accepted, state);
  if (!end) return;
  state.removeAttribute("data-following");
  show(state, end);
  finished((await current(desk, item)) ?? item, state);
}

/** The last word about an edit. @returns {Promise<HTMLElement | null>} null when the desk was closed before */
async function ended(desk, accepted, state) {
  for (;;) {
    try {
      const task = await desk.api.get(`api/v1/sync/task/${accepted.task_id}`);
      desk.reached();
      if (task.ready) return verdict(task);
      const step = STEPS.find(([name]) => task.changes?.[name]);
      if (step && !accepted.waiting_for) show(state, chip(step[1], step[2]));
      if (step?.[0] === "held") desk.ring("edited");
    } catch (error) {
      if (desk.signal.aborted) return null;
      desk.failed(error);
      show(state, chip("warn", told(error)));
    }
    if (!(await pause(LOOK_MS, desk.signal))) return null;
  }
}

function verdict(task) {
  if (task.status === "SUCCESS") return chip("good", "verified");
  const why = task.changes?.unmade[0];
  const reason = why?.message ?? task.error?.message ?? task.message;
  return chip("bad", `failed: ${reason}${why?.code ? ` (${why.code})` : ""}`);
}

/** The row as the service has it now: there is no route of one row, but its product id finds it. */
async function current(desk, item) {
  try {
    const page = await desk.api.get(desk.own("inventory"), { q: item.external_stock_id, limit: 50 });
    return page.items.find((found) => found.id === item.id) ?? null;
  } catch (error) {
    desk.failed(error);
    return null;
  }
}
