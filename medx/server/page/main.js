// Which part of the page is shown, by the address; and what all parts share.

import { startTheme } from "./case.js";
import { forgetCase, lastCase, showCase } from "./cases.js";
import { $, clearTrouble, closable, make, showTrouble } from "./elements.js";
import { openItem } from "./item.js";
import { fillFilters, showSearch } from "./search.js";
import { askTokenWith, getJson, Problem } from "./server.js";
import { isWorking, prepareStudy, whenWorkChanges } from "./study.js";

const PARTS = ["starting", "study", "working", "case", "search"];
let turn = 0; // answers that come after another part was asked for are not shown
const TITLES = { starting: "medx", study: "Study an image", working: "Studying", case: "Case", search: "Search" };
let metadata = null;

function show(part) {
  const changed = $(part).hidden;
  for (const name of PARTS) $(name).hidden = name !== part;
  document.title = part === "starting" ? "medx" : `${TITLES[part]} – medx`;
  for (const link of document.querySelectorAll(".page-link")) {
    if (link.dataset.page === part) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (part !== "case") showMarks(generalMarks());
  if (changed) { scrollTo(0, 0); $(part).querySelector("h1")?.focus({ preventScroll: true }); }
}

function generalMarks() {
  const marks = [];
  if (metadata?.is_mock) marks.push(["MOCK REPORTS", "No model looks at an image: a program writes reports from the evidence alone."]);
  if (metadata?.synthetic) marks.push(["SYNTHETIC ARCHIVE", "Classifier or archive were made of drawn images."]);
  return marks.map(([text, title]) => make("span", { class: "mark", text, title }));
}

function showMarks(marks) { $("marks").replaceChildren(...marks); }

async function route() {
  if (!metadata) return;
  const mine = ++turn, isLate = () => mine !== turn;
  clearTrouble();
  const [path, query] = location.hash.slice(1).split("?"), parameters = new URLSearchParams(query);
  const [, page, id] = path.split("/");
  $("item").close();
  try {
    if (page === "search") { show("search"); await showSearch(parameters, openItem, isLate); }
    else if (page === "case" && id) {
      const marks = await showCase(id, isLate);
      if (isLate()) return;
      show("case");
      showMarks(marks);
    } else if (page === "working" && isWorking()) show("working");
    else show("study");
  } catch (problem) {
    if (isLate()) return;
    if (page === "case") { forgetCase(id); show("study"); }
    showTrouble(problem, route);
  }
  showLinks();
}

function showLinks() {
  document.querySelector("[data-page=case]")?.remove();
  const id = lastCase();
  if (!id && !isWorking()) return;
  const link = make("a", { class: "page-link", "data-page": "case", href: isWorking() ? "#/working" : `#/case/${id}`, text: isWorking() ? "Working …" : "The case" });
  if (!$("case").hidden) link.setAttribute("aria-current", "page");
  $("loaded").before(link);
}

/** Ask for the token in a dialog; resolves to what was typed, or nothing. */
function askToken(wasWrong) {
  const dialog = $("token"), field = $("token-text");
  field.value = "";
  $("token-note").textContent = wasWrong
    ? "That is not the token of this server. Try again."
    : "Whoever started the server has it. It is kept until this tab is closed.";
  return (askToken.open ??= new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      askToken.open = null;
      resolve(dialog.returnValue === "use" ? field.value.trim() : "");
    }, { once: true });
    dialog.showModal();
    field.focus();
  }));
}

async function start() {
  try {
    metadata = await getJson("/metadata");
    const [{ values }] = await Promise.all([getJson("/search/values"), prepareStudy(metadata)]);
    fillFilters(values, metadata);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 503) {
      $("starting-note").textContent = problem.message;
      show("starting");
      setTimeout(start, 1000);
      return;
    }
    showTrouble(problem, start);
    return;
  }
  $("loaded").textContent = `${metadata.dataset} · ${metadata.images.toLocaleString("en")} images`;
  await route();
}

function openHelp() { if (!document.querySelector("dialog[open]")) $("help").showModal(); }

for (const id of ["help", "item"]) closable($(id));
askTokenWith(askToken);
const theme = localStorage.getItem("medx-theme");
if (theme) document.documentElement.dataset.theme = theme;
startTheme($("theme"));
$("theme").addEventListener("click", () => localStorage.setItem("medx-theme", document.documentElement.dataset.theme));
$("help-button").addEventListener("click", openHelp);
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=range]), select, textarea");
  if (event.key === "?" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); openHelp(); }
});
const head = document.querySelector(".head");
new ResizeObserver(() => document.documentElement.style.setProperty("--head", `${head.offsetHeight}px`)).observe(head);
addEventListener("hashchange", route);
whenWorkChanges(showLinks);
start();
