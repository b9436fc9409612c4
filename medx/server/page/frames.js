// Which image of a file that holds several: chosen by eye.

import { $, showTrouble } from "./elements.js";
import { formOf, send, startsWith } from "./server.js";

const SINGLE = ["ffd8ff", "89504e47", "424d"]; // JPEG, PNG, BMP: not asked about
let looking = null;

/** Return the number, from 0, of the image to study, or nothing when it was not chosen. */
export async function chooseFrame(file, at = 0, { always = false } = {}) {
  if (!always && await startsWith(file, SINGLE)) return at;
  const first = await look(file, at);
  if (first.frames < 2) return at;
  const dialog = $("frames"), slider = $("frame");
  if (dialog.open) { // another file was chosen meanwhile
    const closed = new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
    dialog.close("");
    await closed;
  }
  slider.max = first.frames;
  slider.value = at + 1;
  show(first);
  slider.oninput = () => { say(Number(slider.value), first.frames); };
  slider.onchange = () => look(file, Number(slider.value) - 1).then(show, (problem) => { if (problem.name !== "AbortError") showTrouble(problem); });
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      looking?.abort();
      resolve(dialog.returnValue === "study" ? Number(slider.value) - 1 : undefined);
    }, { once: true });
  });
}

async function look(file, frame) {
  looking?.abort();
  looking = new AbortController();
  const response = await send("/frames", { method: "POST", body: formOf(file, { frame }), signal: looking.signal });
  return response.json();
}

function show({ frame, frames, preview_png }) {
  $("frame-picture").src = `data:image/png;base64,${preview_png}`;
  $("frame-picture").alt = `Frame ${frame + 1}`;
  say(frame + 1, frames);
}

function say(number, frames) {
  $("frame-note").textContent = `Frame ${number} of ${frames}`;
  $("frame").setAttribute("aria-valuetext", `${number} of ${frames}`);
}
