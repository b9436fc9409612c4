// A case as the server shows it, with what can be done with it.

import { startCase } from "./case.js";
import { $, clearTrouble, make, save, showTrouble, tell } from "./elements.js";
import { formOf, Problem, send, startsWith } from "./server.js";
import { study, studyFile } from "./study.js";
import { startTabs } from "./tabs.js";

const RASTER = ["89504e47", "ffd8ff", "49492a00", "4d4d002a", "49492b00", "4d4d002b", "424d", "934e554d"];
const MOST = 6; // files that the page keeps
const kept = new Map(); // of this visit: the file and its name by case, for exports and further reports
let last = null, shown = null, stop = () => {};

export const lastCase = () => last;
export function keepCase(id, what) {
  kept.set(id, what);
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
  last = id;
}
export function forgetCase(id) { kept.delete(id); if (last === id) last = null; }

/** Show a case, unless its answer comes too late; returns its marks, for the head of the page. */
export async function showCase(id, isLate) {
  const part = $("case");
  if (shown !== id) {
    const text = await (await send(`/cases/${encodeURIComponent(id)}/view`)).text();
    if (isLate()) return [];
    const parsed = new DOMParser().parseFromString(text, "text/html");
    stop();
    part.replaceChildren(...parsed.body.children);
    const title = part.querySelector("h1");
    title.tabIndex = -1;
    title.textContent = kept.get(id)?.name || "Uploaded image";
    stop = startCase(part, startTabs(part));
    await bind(part, id);
    shown = last = id;
  }
  return [...part.querySelector(".marks").children].map((mark) => mark.cloneNode(true));
}

async function bind(part, id) {
  const known = kept.get(id), isDicom = !known || !(await startsWith(known.file, RASTER));
  part.querySelector("[data-again]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const strategy = new FormData(event.target).get("strategy");
    withFile(id, ({ file, name, frame }) => study(file, name, { frame, strategy }));
  });
  part.querySelector("[data-frame]")?.addEventListener("click", (event) => {
    const at = Number(event.target.dataset.frame);
    withFile(id, ({ file, name }) => studyFile(file, name, { at, always: true }));
  });
  for (const button of part.querySelectorAll("[data-export]")) {
    const needsStudy = "study" in button.dataset;
    if (needsStudy && !isDicom) {
      button.disabled = true;
      button.title = "goes into a DICOM study, and this image is from another kind of file";
    }
    button.addEventListener("click", () => {
      const run = (known) => download(id, button, known?.file);
      if (needsStudy) withFile(id, run); else run();
    });
  }
  const note = part.querySelector("[data-study-note]");
  if (note) note.hidden = isDicom;
}

/** Do something with the file of a case, which may have to be chosen again after a reload. */
function withFile(id, act) {
  if (kept.has(id)) { act(kept.get(id)); return; }
  const picker = make("input", { type: "file" });
  picker.addEventListener("change", () => {
    const [file] = picker.files;
    if (file) { kept.set(id, { file, name: file.name }); act(kept.get(id)); }
  });
  showTrouble(new Problem(404, "the file of this case is not in this page any more, and the server does not keep it", "choose it again"), () => picker.click());
}

async function download(id, button, file) {
  clearTrouble();
  button.setAttribute("aria-busy", "true");
  tell(`Making ${button.textContent.trim()}`);
  try {
    const body = file ? formOf(file) : undefined;
    const response = await send(`/cases/${encodeURIComponent(id)}/exports/${button.dataset.export}`, { method: "POST", body });
    const [, name] = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition")) || [];
    save(await response.blob(), name || "medx-export");
    tell(`${name} was saved`);
  } catch (problem) {
    showTrouble(problem);
  } finally { button.removeAttribute("aria-busy"); }
}
