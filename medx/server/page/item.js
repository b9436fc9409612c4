// One image of the archive, large, with what is known of it.

import { $, cosine, make } from "./elements.js";
import { itemImage, showPicture } from "./server.js";
import { studyAddress } from "./study.js";

const SMALL = 256; // shown with its pixels as squares, as in a case
let fromHere = false; // opened from the results: going back closes it

export function cameFromHere() { fromHere = true; }

/** Open a hit above the results; closing goes back to them. */
export function openItem(hit, result, parameters) {
  const dialog = $("item"), label = hit.label?.replaceAll("|", ", ") || "no label";
  const without = new URLSearchParams(parameters);
  without.delete("item");
  $("item-title").textContent = label;
  const img = make("img", { alt: `Archived image ${hit.id}, labelled ${label}` });
  showPicture(img, itemImage(hit.id, 1536));
  const facts = [
    ["Label", `${label} (the archive’s)`],
    ["Similarity", `${cosine(hit.similarity)}, rank ${hit.rank}`],
    ["Split", hit.split || "none"],
    ["Archive", `${result.index}${result.synthetic ? " (synthetic images)" : ""}`],
    ["Image", hit.id],
  ];
  if (hit.text) facts.push(["Text", hit.text]);
  const similar = make("a", { class: "control primary", href: `#/search?${new URLSearchParams({ like: hit.id })}`, text: "Find similar" });
  const studying = make("button", { type: "button", class: "control", text: "Study this image", click: () => studyAddress(itemImage(hit.id, 4096), hit.id) });
  img.addEventListener("load", () => img.classList.toggle("small", Math.max(img.naturalWidth, img.naturalHeight) <= SMALL));
  dialog.querySelector(".item-body").replaceChildren(
    make("div", { class: "item-picture" }, img),
    make("div", {}, make("dl", { class: "facts-list" }, ...facts.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })])), make("p", { class: "panel-foot" }, similar, studying)));
  dialog.onclose = () => {
    if (!new URLSearchParams(location.hash.split("?")[1]).has("item")) return;
    if (fromHere) history.back();
    else history.replaceState(null, "", `#/search?${without}`);
    fromHere = false;
    [...document.querySelectorAll(".hits .card")].find((card) => new URLSearchParams(card.hash.split("?")[1]).get("item") === hit.id)?.focus();
  };
  dialog.showModal();
}
