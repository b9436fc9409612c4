// Talks to the server the page came from, and to nothing else.

const KEPT = "medx-token";
let ask = null; // asks for the token; set by whoever owns the dialog

/** What a server, or the way to it, says went wrong. */
export class Problem extends Error {
  constructor(status, error, hint = "", id = "") {
    super(error);
    this.status = status;
    this.hint = hint;
    this.id = id;
  }
}

export function askTokenWith(dialog) { ask = dialog; }

/** Return a response that is fine; everything else is thrown as a Problem. Who is `patient` asks a busy server again. */
export async function send(path, options = {}) {
  for (let left = 4; ;) {
    const token = sessionStorage.getItem(KEPT);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${asBytes(token)}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "the server does not answer", "is it still running, and this computer still connected to it?");
    }
    if (options.patient && response.status === 429 && left-- > 0) { await pause(response); continue; }
    if (response.status !== 401) {
      if (!response.ok) throw await problemOf(response);
      return response;
    }
    if (sessionStorage.getItem(KEPT) !== token) continue; // another request asked meanwhile
    const given = await ask(Boolean(token));
    if (!given) throw new Problem(401, "a token is needed", "reload the page to be asked again");
    sessionStorage.setItem(KEPT, given);
  }
}

const pause = (response) => new Promise((resolve) => { setTimeout(resolve, 1000 * (Number(response.headers.get("Retry-After")) || 1)); });

/** Return text as UTF-8, a letter a byte: a header takes no others. */
const asBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

async function problemOf(response) {
  let said = {};
  try { said = await response.json(); } catch { /* a proxy's page, or nothing: the status will do */ }
  return new Problem(response.status, said.error || `the server answered ${response.status}`, said.hint || "", said.request_id || "");
}

export async function getJson(path) { return (await send(path)).json(); }

export async function postJson(path, body, options = {}) {
  return (await send(path, { ...options, method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } })).json();
}

/** Return whether a file begins with one of these bytes, written in hexadecimal. */
export async function startsWith(file, marks) {
  const bytes = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const start = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return marks.some((mark) => start.startsWith(mark));
}

/** Return a form with a file under a name that tells nothing. */
export function formOf(file, fields = {}) {
  const form = new FormData();
  form.append("file", file, "upload");
  for (const [name, value] of Object.entries(fields)) if (value !== null && value !== undefined && value !== "") form.append(name, value);
  return form;
}

/** Call `told` with each line of a stream of JSON objects. */
export async function readLines(response, told) {
  const decoder = new TextDecoder(), reader = response.body.getReader();
  let rest = "";
  for (;;) {
    let part;
    try { part = await reader.read(); } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "the connection broke before the answer was complete", "try again");
    }
    rest += decoder.decode(part.value, { stream: !part.done });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) told(JSON.parse(line));
    if (part.done) return;
  }
}

/** Show a picture that may need the token. */
export async function showPicture(img, path) {
  try {
    const address = URL.createObjectURL(await (await send(path, { patient: true })).blob());
    img.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    img.src = address;
  } catch {
    img.replaceWith(Object.assign(document.createElement("span"), { className: "unseen", textContent: "picture not at hand" }));
  }
}

export const itemImage = (id, size) => `/items/${id.split("/").map(encodeURIComponent).join("/")}/image?size=${size}`;
