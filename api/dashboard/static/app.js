/** The page: signs in, opens the desk, says when the line is gone or the token is over. */

import { openBridge } from "./bridge.js";
import { Desk } from "./desk.js";
import { byId, h, show } from "./dom.js";
import { openDrift } from "./drift.js";
import { ended } from "./errors.js";
import { duration } from "./format.js";
import { openLetters } from "./letters.js";
import { openLimiter } from "./limiter.js";
import { openPlan } from "./plan.js";
import { openCallbacks, openStoreQueue } from "./queues.js";
import { openSellers } from "./sellers.js";
import { forget, fromFragment, keep, kept, read } from "./session.js";
import { openStock } from "./stock.js";
import { openSyncs } from "./syncs.js";

const PANELS = [openSellers, openSyncs, openPlan, openStock, openLimiter, openLetters, openDrift, openBridge, openStoreQueue, openCallbacks];
const BARE = document.querySelector("main")?.cloneNode(true);
/** @type {Desk | null} */
let open = null;

/** @param {string} [why] a sentence about why nobody is signed in any more */
function signIn(why = "") {
  open?.close();
  open = null;
  forget();
  // The panels of the one who left hold data: they go with him.
  document.querySelector("main")?.replaceWith(/** @type {Node} */ (BARE).cloneNode(true));
  connection(false);
  byId("who").replaceChildren();
  byId("sign-out").hidden = true;
  byId("nav").hidden = true;
  show(byId("sign-in-note"), why && h("p", { class: "alert", role: "alert" }, why));
  byId("sign-in").hidden = false;
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const session = read(byId("token").value);
    if (session) return signedIn(session);
    show(byId("sign-in-note"), h("p", { class: "alert", role: "alert" }, "This is not an access token: it has three parts, divided by dots. Copy it whole."));
    byId("token").focus();
  });
  byId("token").focus();
}

/** @param {import("./session.js").Session} session */
function signedIn(session) {
  keep(session);
  byId("sign-in").hidden = true;
  byId("desk").hidden = false;
  byId("nav").hidden = false;
  byId("sign-out").hidden = false;
  const until = Math.round((session.until - Date.now()) / 1000);
  const roles = session.roles.length ? ` · ${session.roles.join(", ")}` : "";
  show(byId("who"), h("code", { title: session.user }, session.user.slice(0, 8)), roles, until > 0 ? ` · token ends in ${duration(until)}` : "");
  open = new Desk(session, { expired: (why) => signIn(`${ended(why)} Paste a new one.`), connection });
  for (const panel of PANELS) panel(open);
  byId("main").focus({ preventScroll: true });
}

/** @param {boolean} lost */
function connection(lost) {
  const place = byId("connection");
  const was = !place.hidden;
  place.hidden = !lost;
  place.textContent = lost ? "BRX Sync cannot be reached. What you see is as it was; it is tried again by itself." : "";
  if (was && !lost) byId("connection-spoken").textContent = "Connected again.";
}

byId("sign-out").addEventListener("click", () => signIn());
addEventListener("hashchange", () => {
  const session = fromFragment();
  if (session) {
    signIn();
    signedIn(session);
  }
});
const session = fromFragment() ?? kept();
if (session) signedIn(session);
else signIn();
