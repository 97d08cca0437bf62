/** Who is here: a token in this tab's storage, never in an address that is sent. */

const KEY = "brx-sync.token";

/**
 * @typedef {{token: string, user: string, roles: string[], store: string | null, organization: string, until: number}} Session
 * `until`: ms since 1970
 */

/** What a token says of itself; the service decides whether that is true. @param {string} text @returns {Session | null} */
export function read(text) {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  const body = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1];
  if (!body) return null;
  try {
    const bytes = Uint8Array.from(atob(body.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims.sub !== "string") return null;
    const roles = typeof claims.roles === "string" ? claims.roles.split(/\s+/) : claims.roles;
    return {
      token,
      user: claims.sub,
      roles: Array.isArray(roles) ? roles.map(String) : [],
      store: typeof claims.store_id === "string" ? claims.store_id : null,
      organization: typeof claims.org === "string" && claims.org ? claims.org : claims.sub,
      until: Number(claims.exp) * 1000,
    };
  } catch {
    return null;
  }
}

/** The token of a link `…/dashboard#token=…`, which then leaves the address. */
export function fromFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return read(token);
}

/** @returns {Session | null} */
export function kept() {
  return read(sessionStorage.getItem(KEY) ?? "");
}

/** @param {Session} session */
export function keep(session) {
  sessionStorage.setItem(KEY, session.token);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}
