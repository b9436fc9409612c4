// Small things every part of the page needs.

export const $ = (id) => document.getElementById(id);

/** Make an element: attributes by name, `text` as text, functions as listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Say something to screen readers. */
export function tell(text) { $("told").textContent = text; }

const HEADINGS = {
  0: "No connection", 401: "Token needed", 404: "Not here any more", 408: "Too slow", 413: "The file is too large",
  422: "This cannot be used", 429: "The server is busy", 501: "Not installed on the server", 503: "Not ready",
};

const sentence = (text) => text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}` : "";

/** Show what went wrong, what to do, and a way to do it again. */
export function showTrouble(problem, again = null) {
  if (problem.name === "AbortError") return;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const box = make("div", { class: "none" },
    make("h2", { text: HEADINGS[problem.status] || "That did not work" }),
    make("p", { text: sentence(problem.message) }));
  if (problem.hint) box.append(make("p", { text: sentence(problem.hint) }));
  if (problem.id) box.append(make("p", { class: "soft", text: `Request ${problem.id}` }));
  const foot = make("p", { class: "panel-foot" });
  if (again) foot.append(make("button", { type: "button", class: "control primary", text: "Try again", click: () => { clearTrouble(); again(); } }));
  foot.append(make("button", { type: "button", class: "control", text: "Dismiss", click: () => { clearTrouble(); $("main").focus(); } }));
  box.append(foot);
  $("trouble").replaceChildren(box);
  $("trouble").scrollIntoView({ block: "nearest" });
  if (!problem.status && !(problem.hint)) console.error(problem);
}

export function clearTrouble() { $("trouble").replaceChildren(); }

/** Return a cosine with three decimals, or more where it would pass for 1. */
export function cosine(value) {
  const text = value.toFixed(3);
  if (text !== "1.000" || value >= 1 - 1e-6) return text;
  return value < 0.99995 ? value.toFixed(4) : ">0.9999";
}

/** Close a dialog by its buttons, or by a click beside it. */
export function closable(dialog) {
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

/** Offer a file for saving. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
