/** The stock: searched, paged, edited in place. Rows move only when the reader asks for it. */

import { byId, button, chip, h, show } from "./dom.js";
import { openEditor } from "./editor.js";
import { alertOf } from "./errors.js";
import { ago, clock, count, money, words } from "./format.js";

const PER_PAGE = 25;
const TYPING_MS = 300;
const TONES = { synced: "good", pending: "busy", uncertain: "warn", failed: "bad" };

/** @param {import("./desk.js").Desk} desk */
export function openStock(desk) {
  const rows = byId("stock-rows");
  const form = byId("stock-search");
  /** Cursors of the pages up to the one that is shown; the first page has none. @type {(string | null)[]} */
  let pages = [null];
  let asked = 0;

  const filter = () => ({ q: byId("stock-q").value.trim(), sync_state: byId("stock-state").value });
  const load = async () => {
    const turn = ++asked;
    try {
      const query = { ...filter(), limit: PER_PAGE, cursor: pages.at(-1) };
      const page = await desk.api.get(desk.own("inventory"), query);
      // What was typed since then has asked anew.
      if (turn === asked) shown(page);
    } catch (error) {
      if (desk.signal.aborted || turn !== asked) return;
      desk.failed(error);
      show(byId("stock-note"), alertOf(error));
    }
  };
  const shown = (page) => {
    byId("stock-note").replaceChildren();
    show(rows, ...page.items.map((item) => row(item)));
    const first = (pages.length - 1) * PER_PAGE;
    const range = page.items.length ? `${count(first + 1)}–${count(first + page.items.length)} of ${count(page.total)}` : "Nothing found";
    byId("stock-range").textContent = range;
    byId("stock-table").hidden = byId("stock-pages").hidden = page.items.length === 0;
    // A page that is full to the row has a cursor, though nothing is behind it.
    const more = page.next_cursor && first + page.items.length < page.total;
    turning(back, pages.length > 1);
    turning(next, more);
    following = more ? page.next_cursor : null;
  };

  let following = null;
  const back = button("Newer", async () => pages.length > 1 && (pages.pop(), await load()), { "data-key": "back" });
  const next = button("Older", async () => following && (pages.push(following), await load()), { "data-key": "next" });
  show(byId("stock-pages"), back, next);

  const row = (item) => {
    const made = h("tr", { "data-item": item.id });
    const rest = (state) => {
      show(made, ...cells(item, state), h("td", { class: "act" }, edit(state)));
    };
    const edit = () => {
      const made = button("Edit", async () => openEditor(desk, item, made.closest("tr"), finished), { "data-key": `edit-${item.id}` });
      made.setAttribute("aria-label", `Edit product ${item.external_stock_id ?? item.id}`);
      return made;
    };
    /** @param {any} renewed the row as it is now @param {HTMLElement | null} state what became of an edit */
    const finished = (renewed, state) => {
      item = renewed;
      rest(state);
    };
    rest(null);
    return made;
  };

  let typing = 0;
  const again = () => {
    pages = [null];
    void load();
  };
  form.addEventListener("submit", (event) => (event.preventDefault(), again()), { signal: desk.signal });
  form.addEventListener("input", () => (clearTimeout(typing), (typing = setTimeout(again, TYPING_MS))), { signal: desk.signal });
  // Rows do not move under an editor, or an edit that is on its way.
  desk.on("synced", () => rows.querySelector("form, [data-following]") || again());
  again();
}

/** Kept focusable, so that the last page does not throw the reader out of the list. */
function turning(made, possible) {
  if (possible) made.removeAttribute("data-off");
  else made.setAttribute("data-off", "");
  made.setAttribute("aria-description", possible ? "" : "no further page");
}

/** @param {any} item @param {HTMLElement | null} state */
function cells(item, state) {
  const pending = item.raise_pending ? h("small", { title: "for sale once CardTrader has them" }, ` +${count(item.raise_pending)}`) : null;
  const reserved = item.reserved_quantity ? h("small", {}, ` ${count(item.reserved_quantity)} reserved`) : null;
  return [
    h("td", { class: "product" }, h("strong", {}, item.description || `Blueprint ${item.blueprint_id}`), h("small", {}, traits(item))),
    h("td", { class: "number", "data-name": "Copies" }, count(item.quantity), pending, reserved),
    h("td", { class: "number", "data-name": "Price" }, money(item.price_cents)),
    h("td", { class: "state", title: `changed ${ago(item.updated_at, Date.now())}, ${clock(item.updated_at)}` }, state ?? standing(item)),
  ];
}

function standing(item) {
  if (item.stale_since) return chip("warn", "gone at CardTrader");
  return chip(TONES[item.sync_state] ?? "plain", words(item.sync_state));
}

/** What tells this listing from its neighbours. */
function traits(item) {
  const properties = item.properties ?? {};
  const told = Object.entries(properties)
    .filter(([name, value]) => value !== false && value !== null && value !== "" && name !== "collector_number")
    .map(([name, value]) => (value === true ? words(name.replace(/^[a-z]+_(?=foil|altered|signed)/, "")) : String(value)));
  const parts = [item.description ? `blueprint ${item.blueprint_id}` : null, `product ${item.external_stock_id ?? "–"}`, ...told];
  if (item.user_data_field) parts.push(item.user_data_field);
  if (item.mapping_status !== "mapped") parts.push("not in the catalogue");
  return parts.filter(Boolean).join(" · ");
}
