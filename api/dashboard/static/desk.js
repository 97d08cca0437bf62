/** What every panel works with, from a sign-in to its end. */

import { Api, ApiError, ConnectionLost } from "./api.js";

export class Desk {
  #ending = new AbortController();
  #listeners;
  #lost = false;
  #bell;

  /**
   * @param {import("./session.js").Session} session
   * @param {{expired: (why: string) => void, connection: (lost: boolean) => void}} listeners
   */
  constructor(session, listeners) {
    this.session = session;
    this.signal = this.#ending.signal;
    this.api = new Api(session.token, this.signal);
    this.#listeners = listeners;
    this.#bell = new EventTarget();
  }

  /** @param {string} role */
  is(role) {
    return this.session.roles.includes(role);
  }

  /** A path of the caller's own. @param {string} name @param {string} [rest] */
  own(name, rest = "") {
    return `api/v1/sync/${name}/${encodeURIComponent(this.session.user)}${rest}`;
  }

  /** Tell the other panels: a sync has ended, or an edit was accepted. @param {"synced" | "edited"} what */
  ring(what) {
    this.#bell.dispatchEvent(new Event(what));
  }

  /** @param {"synced" | "edited"} what @param {() => void} heard */
  on(what, heard) {
    this.#bell.addEventListener(what, heard, { signal: this.signal });
  }

  /** The service answered. */
  reached() {
    if (this.#lost) this.#listeners.connection(false);
    this.#lost = false;
  }

  /** It did not, or not as it should. @param {unknown} error */
  failed(error) {
    if (error instanceof ConnectionLost && !this.#lost) {
      this.#lost = true;
      this.#listeners.connection(true);
    }
    if (error instanceof ApiError && error.status === 401) this.#listeners.expired(error.message);
  }

  /** End everything that is under way. */
  close() {
    this.#ending.abort();
  }
}
