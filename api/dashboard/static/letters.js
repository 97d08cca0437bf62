/** Dead letters of the caller's account: tried again where that is safe, settled by hand where it is not. */

import { byId, button, h, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { ago, capped, words } from "./format.js";
import { repeat, wake } from "./poll.js";

const SHOWN = 8;
const COUNTED = 100;

/** @param {import("./desk.js").Desk} desk */
export function openLetters(desk) {
  const note = byId("letters-note");
  const act = (record, what, text, done) =>
    button(
      text,
      async () => {
        try {
          const answer = await desk.api.post(desk.own("failed-records", `/${record.id}/${what}`));
          show(note, h("p", { class: "told", role: "status" }, done(answer)));
          wake(bell);
        } catch (error) {
          desk.failed(error);
          show(note, alertOf(error));
        }
      },
      { "data-key": `${what}-${record.id}`, "aria-label": `${text} ${words(record.stage)} ${record.subject}` },
    );
  const letter = (record) =>
    h(
      "li",
      {},
      h("p", {}, h("strong", {}, record.subject), ` ${words(record.stage)}, ${ago(record.created_at, Date.now())}`, record.retries ? `, met ${record.retries + 1} times` : ""),
      h("p", { class: "soft" }, record.reason),
      h(
        "p",
        { class: "actions" },
        act(record, "retry", "Try again", (answer) => `${answer.message}.`),
        act(record, "resolve", "Settle", () => "Settled."),
      ),
    );
  const look = async () => {
    const page = await desk.api.get(desk.own("failed-records"), { resolution: "open", limit: COUNTED });
    const found = page.records;
    byId("letters-count").textContent = found.length ? capped(found.length, COUNTED) : "";
    const rest = found.length - SHOWN;
    show(
      byId("letters"),
      ...found.slice(0, SHOWN).map(letter),
      rest > 0 ? h("li", { class: "soft" }, `and ${capped(rest, COUNTED - SHOWN)} more`) : null,
    );
    byId("letters-empty").hidden = found.length > 0;
  };
  const bell = repeat(desk, 4, look, (error) => show(note, alertOf(error)));
  desk.on("synced", () => wake(bell));
}
