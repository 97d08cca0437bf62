/** The public API, with the caller's token and nothing else. */

import { EventParser } from "./sse.js";

/** Where the service begins, also behind a proxy that adds a prefix. */
const ROOT = new URL("../", import.meta.url);
/** A stream that says nothing for so long is taken for dead; the server sends a comment every 15 s. */
const SILENCE_MS = 45_000;
const PATIENCE_MS = 20_000;

/** The service refused, with its code and sentence. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string} trace */
  constructor(status, code, message, trace) {
    super(message);
    this.status = status;
    this.code = code;
    this.trace = trace;
  }
}

/** The service could not be reached, or did not answer. */
export class ConnectionLost extends Error {
  constructor() {
    super("BRX Sync cannot be reached.");
  }
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

export class Api {
  #token;
  #signal;

  /** @param {string} token @param {AbortSignal} signal ends everything that is under way */
  constructor(token, signal) {
    this.#token = token;
    this.#signal = signal;
  }

  /** @param {string} path @param {Query} [query] */
  get(path, query) {
    return this.#json("GET", path, { query });
  }

  /** @param {string} path @param {{query?: Query, body?: unknown}} [what] */
  post(path, what = {}) {
    return this.#json("POST", path, what);
  }

  /** @param {string} path @param {unknown} body @param {Record<string, string>} headers */
  put(path, body, headers) {
    return this.#json("PUT", path, { body, headers });
  }

  /** Events of a stream until it ends. @param {string} path @returns {AsyncGenerator<{event: string, data: any}>} */
  async *events(path) {
    const dead = new AbortController();
    let timer = setTimeout(() => dead.abort(), SILENCE_MS);
    try {
      const headers = { Accept: "text/event-stream" };
      const answer = await this.#send("GET", path, { headers, signal: dead.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        const { done, value } = await this.#connected(reader.read());
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => dead.abort(), SILENCE_MS);
        for (const { event, data } of parser.push(value)) yield { event, data: JSON.parse(data) };
      }
    } finally {
      clearTimeout(timer);
      dead.abort();
    }
  }

  async #json(method, path, what) {
    const answer = await this.#send(method, path, { ...what, signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.status === 204 ? null : this.#connected(answer.json());
  }

  async #send(method, path, { query = {}, body, headers = {}, signal }) {
    const address = new URL(path.replace(/^\//, ""), ROOT);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, String(value));
    }
    const sent = { Authorization: `Bearer ${this.#token}`, ...headers };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const request = fetch(address, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.any([this.#signal, signal]),
    });
    const answer = await this.#connected(request);
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  /** What the browser says when the line is gone differs by browser; here it is one thing. */
  async #connected(waiting) {
    try {
      return await waiting;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new ConnectionLost();
    }
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  const trace = answer.headers.get("X-Trace-Id") ?? "";
  try {
    const body = await answer.json();
    // The marketplace answers {error: code, message}; every other context an envelope.
    const { code, message } = typeof body.error === "string" ? { code: body.error, message: body.message } : body.error;
    return new ApiError(answer.status, String(code), String(message ?? code), trace);
  } catch {
    // A proxy in between, most likely.
    return new ApiError(answer.status, `HTTP_${answer.status}`, "The answer is not one of BRX Sync.", trace);
  }
}
