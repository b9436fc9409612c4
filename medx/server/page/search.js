// The archive, asked by words or by one of its images.

import { $, clearTrouble, cosine, make, tell } from "./elements.js";
import { cameFromHere } from "./item.js";
import { formOf, itemImage, postJson, send, showPicture } from "./server.js";

const FILTERS = { label: "Label", split: "Split", source: "Source", dataset: "Dataset" };
const COUNTS = [12, 24, 48, 96];
const READ_SIZE = 4096;
let shown = null, answered = null, asking = null, examples = [];

/** Offer what the archive's columns hold. */
export function fillFilters(values, metadata) {
  examples = metadata.classes;
  const selects = Object.entries(FILTERS).filter(([name]) => values[name]).map(([name, title]) => {
    const any = make("option", { value: "", text: "any" });
    const options = values[name].map((value) => make("option", { value, text: value.replaceAll("|", ", ") }));
    return make("label", { text: `${title} ` }, make("select", { name, change: submit }, any, ...options));
  });
  const counts = COUNTS.map((count) => make("option", { value: count, text: count }));
  selects.push(make("label", { text: "Images " }, make("select", { name: "top_k", change: submit }, ...counts)));
  $("filters").replaceChildren(...selects);
}

/** Return a condition on columns; text is quoted as the filter's grammar asks, so it stays text. */
export function condition(filters) {
  const parts = Object.entries(filters).filter(([, value]) => value).map(([name, value]) => `\`${name}\` = '${value.replaceAll("'", "''")}'`);
  return parts.join(" and ") || null;
}

/** Show what the address asks for. */
export async function showSearch(parameters, openItem, isLate) {
  const item = parameters.get("item"), wanted = new URLSearchParams(parameters);
  wanted.delete("item");
  fillForm(wanted);
  const key = wanted.toString();
  if (key !== shown) {
    shown = null;
    const found = await find(wanted);
    if (isLate() || found === undefined) return; // another question came after
    answered = found;
    shown = key;
    showResult(wanted);
  }
  const hit = item && answered?.hits?.find((one) => one.id === item);
  if (hit) openItem(hit, answered, parameters);
}

function fillForm(wanted) {
  $("words").value = wanted.get("text") || "";
  for (const select of $("filters").querySelectorAll("select")) {
    select.value = wanted.get(select.name) || "";
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

async function find(wanted) {
  const text = wanted.get("text"), like = wanted.get("like");
  asking?.abort();
  asking = null;
  if (!text && !like) return null;
  const mine = asking = new AbortController();
  clearTrouble();
  $("results").replaceChildren(make("p", { class: "soft", text: "Searching …" }), make("div", { class: "loading" }));
  const filters = Object.fromEntries(["label", "source", "dataset"].map((name) => [name, wanted.get(name)]));
  const where = condition(filters), split = wanted.get("split") || "all", top_k = Number(wanted.get("top_k")) || COUNTS[0];
  try {
    if (text) return await postJson("/search/text", { text, top_k, split, where }, { signal: mine.signal });
    const file = await (await send(itemImage(like, READ_SIZE), { signal: mine.signal })).blob();
    return await (await send("/search/image", { method: "POST", body: formOf(file, { top_k, split, where }), signal: mine.signal })).json();
  } catch (problem) {
    if (mine !== asking) return undefined;
    if (problem.status === 422 && (where || split !== "all")) return { none: problem.message };
    $("results").replaceChildren();
    throw problem;
  }
}

function showResult(wanted) {
  if (!answered) { $("results").replaceChildren(emptyState()); return; }
  if (answered.none) {
    $("results").replaceChildren(
      make("h2", { id: "found", tabindex: "-1", text: "Nothing under these filters" }),
      make("p", { text: `${sentence(answered.none)} Choose “any” in one of the filters.` }));
    tell("Nothing found");
    return;
  }
  const parts = [];
  if (answered.unknown_words.length) {
    parts.push(make("p", { class: "banner" }, make("b", { text: `Unknown to the encoder: ${answered.unknown_words.join(", ")}. ` }), "It cannot look for what it has never read; images are ordered by the other words, or by nothing."));
  } else if (answered.warning) parts.push(make("p", { class: "banner", text: sentence(answered.warning) }));
  const what = wanted.get("text") ? `“${wanted.get("text")}”` : `images like ${wanted.get("like")}`;
  const among = answered.searched === answered.count ? `${answered.count.toLocaleString("en")}` : `${answered.searched.toLocaleString("en")} of ${answered.count.toLocaleString("en")}`;
  parts.push(make("h2", { id: "found", tabindex: "-1", text: `${answered.hits.length} nearest to ${what}` }));
  parts.push(make("p", { class: "soft", text: `Among ${among} images, by encoder ${answered.encoder}. Similarity is the cosine of embeddings: it orders images; it is no probability and no finding. Labels are those of the archive.` }));
  parts.push(make("ul", { class: "grid hits" }, ...answered.hits.map((hit) => card(hit, wanted))));
  for (const note of answered.notes) parts.push(make("p", { class: "soft", text: sentence(note) }));
  $("results").replaceChildren(...parts);
  tell(`${answered.hits.length} images found`);
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

function emptyState() {
  const tries = examples.map((words) => make("a", { class: "control", href: `#/search?${new URLSearchParams({ text: words })}`, text: words }));
  return make("div", { class: "empty" },
    make("p", { text: "Images are found by what they look like: write a finding in a few English words, and the nearest images of the archive come first." }),
    make("p", {}, "For example: ", ...tries));
}

function card(hit, wanted) {
  const img = make("img", { alt: "" });
  showPicture(img, itemImage(hit.id, 320));
  const address = new URLSearchParams(wanted);
  address.set("item", hit.id);
  const label = hit.label?.replaceAll("|", ", ") || "no label";
  const link = make("a", { class: "card", href: `#/search?${address}`, "aria-label": `Hit ${hit.rank}: ${label}, similarity ${cosine(hit.similarity)}, ${hit.id}`, click: cameFromHere },
    img,
    make("span", { class: "label", text: label }),
    make("span", { class: "soft" }, make("b", { text: cosine(hit.similarity) }), ` similarity`),
    make("span", { class: "soft name", text: [hit.split, hit.id].filter(Boolean).join(" · ") }));
  if (answered.duplicates.includes(hit.id)) link.append(make("span", { class: "mark", text: "same pixels" }));
  return make("li", {}, link);
}

function submit(event) {
  event?.preventDefault();
  const form = new FormData($("search-form")), wanted = new URLSearchParams();
  const now = new URLSearchParams(location.hash.split("?")[1]);
  if ($("words").value.trim()) wanted.set("text", $("words").value.trim());
  else if (now.get("like") && event?.type === "change") wanted.set("like", now.get("like"));
  for (const [name, value] of form) if (value && !(name === "top_k" && Number(value) === COUNTS[0])) wanted.set(name, value);
  const address = `#/search?${wanted}`;
  if (location.hash === address) return;
  location.hash = address;
}

$("search-form").addEventListener("submit", submit);
