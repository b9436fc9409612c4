// From a file to a case: choosing, sending, and the steps on the way.

import { keepCase } from "./cases.js";
import { $, clearTrouble, make, showTrouble, tell } from "./elements.js";
import { chooseFrame } from "./frames.js";
import { formOf, getJson, Problem, readLines, send, showPicture } from "./server.js";

const STEPS = ["reading", "prediction", "heat-map", "similar cases", "report"];
const FIRST = "grounded";
let work = null, changed = () => {};

export const isWorking = () => work !== null;
export function whenWorkChanges(callback) { changed = callback; }

/** Fill the part of the page where an image is chosen. */
export async function prepareStudy(metadata) {
  $("strategy").replaceChildren(...metadata.strategies.map((name) => make("option", { value: name, text: name, selected: name === FIRST })));
  showFacts(metadata);
  await showSamples().catch(showTrouble);
}

function showFacts(metadata) {
  const tested = metadata.evaluations.findLast((one) => one.split === "test") || metadata.evaluations.at(-1);
  const facts = [
    ["Classifier", `${metadata.classifier}; tells ${metadata.classes.join(", ")}`],
    ["Measured", tested ? measured(tested) : "not measured: nobody evaluated this classifier on images kept apart"],
    ["Archive", `${metadata.index}: ${metadata.images.toLocaleString("en")} images, encoder ${metadata.encoder}`],
    ["Report writer", `${metadata.engine}${metadata.is_mock ? " (a mock: it looks at no image)" : ""}; ${metadata.engine_reason}`],
  ];
  $("facts").replaceChildren(...facts.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]));
}

function measured(result) {
  const shown = ["auroc", "macro_auroc", "sensitivity", "specificity", "balanced_accuracy", "accuracy"].filter((name) => result.metrics[name]).slice(0, 3);
  const figures = shown.map((name) => {
    const { estimate, low, high } = result.metrics[name], chance = result.chance[name];
    const beside = chance === undefined ? "" : `, chance ${chance.toFixed(2)}`;
    return `${name.replaceAll("_", " ").replace("auroc", "AUROC")} ${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]${beside}`;
  });
  const source = `${result.synthetic ? "synthetic " : ""}${result.dataset}`;
  return `${figures.join("; ")} (95 % intervals; ${result.n.toLocaleString("en")} images of ${source}, ${result.split})`;
}

async function showSamples() {
  const { addresses, synthetic } = await getJson("/samples");
  $("samples").hidden = !addresses.length;
  $("samples-synthetic").hidden = !synthetic;
  $("sample-list").replaceChildren(...addresses.map((address, i) => {
    const img = make("img", { alt: "" }), name = `Sample ${i + 1}`;
    showPicture(img, address);
    const button = make("button", { type: "button", class: "card", click: () => studyAddress(address, name) }, img, make("span", { class: "label", text: name }));
    return make("li", {}, button);
  }));
}

/** Study an image of the server as if it had been uploaded. */
export async function studyAddress(address, name) {
  try {
    await study(await (await send(address)).blob(), name);
  } catch (problem) { showTrouble(problem); }
}

/** Study a file; where it holds several images, the one that is chosen. */
export async function studyFile(file, name, { at = 0, always = false } = {}) {
  const most = Number(document.body.dataset.maxUpload);
  if (file.size > most) {
    showTrouble(new Problem(413, `${name} has ${Math.ceil(file.size / 2 ** 20)} MiB, more than the ${most >> 20} MiB this server takes`, "choose a smaller file, or one frame of it; nothing was sent"));
    return;
  }
  tell("Reading the file");
  try {
    const frame = await chooseFrame(file, at, { always });
    if (frame !== undefined) await study(file, name, { frame });
  } catch (problem) { showTrouble(problem, () => studyFile(file, name, { at, always })); }
}

/** Send a file, show its steps, and go to its case. */
export async function study(file, name, { frame = 0, strategy = $("strategy").value } = {}) {
  const again = () => study(file, name, { frame, strategy });
  work?.abort();
  const mine = work = new AbortController();
  clearTrouble();
  $("working-title").textContent = `Studying ${name}`;
  showStep(null);
  location.hash = "#/working";
  changed();
  try {
    const id = await follow(file, { frame, strategy }, mine.signal);
    if (work !== mine) return;
    keepCase(id, { file, name, frame });
    work = null;
    tell("The case is ready.");
    if (location.hash === "#/working") location.replace(`#/case/${id}`);
  } catch (problem) {
    if (work !== mine) return; // another image is studied instead
    const shown = location.hash === "#/working";
    work = null;
    if (shown) {
      addEventListener("hashchange", () => setTimeout(() => showTrouble(problem, again)), { once: true });
      location.replace("#/");
    } else showTrouble(problem, again);
  } finally { changed(); }
}

async function follow(file, fields, signal) {
  const body = formOf(file, fields);
  const response = await send("/report", { method: "POST", body, signal });
  let id = null;
  await readLines(response, (line) => {
    if (line.step) showStep(line.step);
    if (line.error) throw new Problem(line.status || 200, line.error, line.hint);
    if (line.answer) id = line.answer.case_id;
  });
  if (!id) throw new Problem(0, "the answer ended before the case was complete", "try again");
  return id;
}

function showStep(step) {
  const names = ["sending", ...STEPS], at = step === null ? 0 : names.indexOf(step);
  $("steps").replaceChildren(...names.map((name, i) => {
    const state = i < at ? "done" : i === at ? "now" : "";
    const item = make("li", { class: state, "aria-current": state === "now" ? "step" : null, text: `${name[0].toUpperCase()}${name.slice(1)}` });
    if (state === "done") item.append(make("span", { class: "hidden", text: " (done)" }));
    return item;
  }));
  tell(`Step ${at + 1} of ${names.length}: ${names[at] || step}`);
}

function take(files) {
  clearTrouble();
  if (files.length > 1) { showTrouble(new Problem(422, `${files.length} files were dropped, and a case is one image`, "drop one of them")); return; }
  if (files.length) studyFile(files[0], files[0].name);
}

$("file").addEventListener("change", (event) => { take([...event.target.files]); event.target.value = ""; });
$("upload").addEventListener("submit", (event) => event.preventDefault());
$("cancel").addEventListener("click", () => { work?.abort(); tell("Cancelled."); });
for (const name of ["dragover", "dragenter"]) addEventListener(name, (event) => { event.preventDefault(); $("upload").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("upload").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault(); // anywhere: a file dropped beside the box must not open in the browser
  $("upload").classList.remove("over");
  take([...event.dataTransfer.files]);
});
