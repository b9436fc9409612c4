// A case to look at: image, heat-map, similar cases, and links from words to their evidence.

let started = 0;

/** Make a case in `container` usable, where `reveal` may have to show an element first; returns what ends it. */
export function startCase(container, reveal = () => {}) {
  const $ = (id) => container.querySelector(`[id="${id}"]`);
  const stage = $("stage"), own = $("own"), other = $("other");
  const windowing = container.querySelector("#windowing");
  windowing.id = `windowing-${++started}`;
  const sheets = [own, other].map((pane) => pane.querySelector(".sheet"));
  const bases = sheets.map((sheet) => sheet.querySelector(".base"));
  const map = stage.querySelector(".map"), peak = stage.querySelector(".peak");
  const sliders = { opacity: $("opacity"), width: $("width"), level: $("level") };
  const buttons = Object.fromEntries([...container.querySelectorAll("[data-do]")].map((b) => [b.dataset.do, b]));
  const view = { zoom: 1, x: 0, y: 0 }; // x and y: shift as shares of a pane
  const wanted = { width: 255, level: 128 }; // unrounded: slow dragging adds up
  let invert = false, dragSetsWindow = false, shownOpacity = 50;

  function draw() {
    sheets.forEach((sheet, i) => {
      const pane = sheet.parentElement, base = bases[i];
      if (pane.hidden || !base.naturalWidth) return;
      const fit = Math.min(pane.clientWidth / base.naturalWidth, pane.clientHeight / base.naturalHeight);
      sheet.classList.add("placed");
      sheet.style.width = `${base.naturalWidth * fit}px`;
      sheet.style.height = `${base.naturalHeight * fit}px`;
      sheet.style.transform = `translate(-50%, -50%) translate(${view.x * pane.clientWidth}px, ${view.y * pane.clientHeight}px) scale(${view.zoom})`;
    });
    if (peak) {
      peak.style.left = `${100 * peak.dataset.x}%`;
      peak.style.top = `${100 * peak.dataset.y}%`;
      peak.style.transform = `scale(${1 / view.zoom})`;
    }
  }

  function shade() {
    const width = Number(sliders.width.value), level = Number(sliders.level.value);
    let slope = 255 / width, intercept = 0.5 - level / width;
    if (width === 255 && level === 128) intercept = 0; // untouched pixels stay what they are
    if (invert) { slope = -slope; intercept = 1 - intercept; }
    for (const part of windowing.querySelectorAll("feComponentTransfer > *")) {
      part.setAttribute("slope", slope);
      part.setAttribute("intercept", intercept);
    }
    const plain = slope === 1 && intercept === 0;
    bases.forEach((base) => { base.style.filter = plain ? "" : `url(#${windowing.id})`; });
    $("width-value").textContent = width;
    $("level-value").textContent = level;
    buttons.invert.setAttribute("aria-pressed", String(invert));
    if (map) {
      map.style.opacity = sliders.opacity.value / 100;
      $("opacity-value").textContent = `${sliders.opacity.value} %`;
    }
  }

  function zoomBy(factor, x = 0, y = 0) { // x and y: the point that stays, as shares from the middle
    const zoom = Math.min(16, Math.max(1, view.zoom * factor)), ratio = zoom / view.zoom;
    view.x = x + (view.x - x) * ratio;
    view.y = y + (view.y - y) * ratio;
    view.zoom = zoom;
    moveBy(0, 0);
  }

  function moveBy(x, y) {
    const most = view.zoom / 2;
    view.x = Math.min(most, Math.max(-most, view.x + x));
    view.y = Math.min(most, Math.max(-most, view.y + y));
    if (view.zoom === 1) view.x = view.y = 0;
    draw();
  }

  function setWindow(width, level) {
    wanted.width = Math.min(255, Math.max(1, width));
    wanted.level = Math.min(255, Math.max(0, level));
    sliders.width.value = Math.round(wanted.width);
    sliders.level.value = Math.round(wanted.level);
    shade();
  }

  function setOpacity(percent) {
    if (!map) return;
    sliders.opacity.value = percent;
    shade();
  }

  function toggleMap() {
    if (!map) return;
    const now = Number(sliders.opacity.value);
    if (now > 0) shownOpacity = now;
    setOpacity(now > 0 ? 0 : shownOpacity);
  }

  function fit() { view.zoom = 1; view.x = view.y = 0; draw(); }

  const actions = {
    in: () => zoomBy(1.3),
    out: () => zoomBy(1 / 1.3),
    fit,
    invert: () => { invert = !invert; shade(); },
    window: () => {
      dragSetsWindow = !dragSetsWindow;
      buttons.window.setAttribute("aria-pressed", String(dragSetsWindow));
      stage.classList.toggle("windowing", dragSetsWindow);
    },
    reset: () => { invert = false; setWindow(255, 128); setOpacity(50); fit(); },
    close: endComparison,
  };
  for (const [name, button] of Object.entries(buttons)) button.addEventListener("click", actions[name]);

  function compare(card) {
    const item = card.closest("li");
    bases[1].src = card.querySelector("img").src;
    bases[1].alt = card.getAttribute("aria-label");
    sheets[1].classList.toggle("small", sheets[0].classList.contains("small"));
    $("other-tag").textContent = `${item.id}: ${card.querySelector(".label").textContent}`;
    other.hidden = false;
    $("close").hidden = false;
    for (const one of container.querySelectorAll("[data-compare]")) one.setAttribute("aria-pressed", String(one === card));
    bases[1].decode().then(draw, draw);
    draw();
  }

  function endComparison() {
    other.hidden = true;
    $("close").hidden = true;
    for (const one of container.querySelectorAll("[data-compare]")) one.setAttribute("aria-pressed", "false");
    draw();
  }

  for (const card of container.querySelectorAll("[data-compare]:not(:disabled)")) {
    card.addEventListener("click", () => {
      if (card.getAttribute("aria-pressed") === "true") { endComparison(); return; }
      compare(card);
      stage.scrollIntoView({ block: "nearest" });
      stage.focus({ preventScroll: true });
    });
  }

  const pointers = new Map();
  let pinched = 0;
  const spread = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    stage.focus({ preventScroll: true });
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 2) pinched = spread();
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const x = event.clientX - last.x, y = event.clientY - last.y;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 2) {
      const now = spread();
      zoomBy(now / pinched);
      pinched = now;
    } else if (dragSetsWindow || event.shiftKey || (event.buttons & 2)) {
      setWindow(wanted.width + x / 2, wanted.level + y / 2);
    } else {
      moveBy(x / own.clientWidth, y / own.clientHeight);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) stage.classList.remove("moving");
    });
  }
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pane = (event.target.closest(".pane") || own).getBoundingClientRect();
    zoomBy(Math.exp(-event.deltaY / 500), (event.clientX - pane.left) / pane.width - 0.5, (event.clientY - pane.top) / pane.height - 0.5);
  }, { passive: false });
  stage.addEventListener("dblclick", fit);

  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, "0": fit, h: toggleMap, i: actions.invert, w: actions.window, Escape: endComparison,
    ArrowLeft: () => moveBy(0.08, 0), ArrowRight: () => moveBy(-0.08, 0), ArrowUp: () => moveBy(0, 0.08), ArrowDown: () => moveBy(0, -0.08),
  };
  stage.addEventListener("keydown", (event) => {
    const act = keys[event.key] || keys[event.key.toLowerCase()];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  let dim = 0;
  function light(targets) {
    clearTimeout(dim);
    for (const lit of container.querySelectorAll(".lit")) lit.classList.remove("lit");
    for (const target of targets) target.classList.add("lit");
    dim = setTimeout(() => targets.forEach((target) => target.classList.remove("lit")), 4000);
  }
  for (const link of container.querySelectorAll("[data-goto]")) {
    const target = $(link.dataset.goto);
    if (!target) {
      link.title = "not in the evidence";
      link.removeAttribute("href");
      continue;
    }
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const lit = [target], card = target.querySelector("[data-compare]:not(:disabled)");
      if (target.id === "H1" && map) {
        if (Number(sliders.opacity.value) < 60) setOpacity(60);
        lit.push(stage, peak);
        stage.scrollIntoView({ block: "nearest" });
      } else if (card) { // beside the image, so that the words stay in view
        compare(card);
        lit.push(other);
        stage.scrollIntoView({ block: "nearest" });
      } else {
        reveal(target);
        target.scrollIntoView({ block: "nearest" });
      }
      light(lit);
    });
  }

  const openOrigin = () => { $("origin").open = true; };
  addEventListener("beforeprint", openOrigin);
  for (const slider of Object.values(sliders)) if (slider) slider.addEventListener("input", shade);
  for (const name of ["width", "level"]) sliders[name].addEventListener("input", () => { wanted[name] = Number(sliders[name].value); });
  const resized = new ResizeObserver(draw);
  resized.observe(stage);
  bases.forEach((base) => base.addEventListener("load", draw));
  shade();
  draw();
  return () => {
    clearTimeout(dim);
    resized.disconnect();
    removeEventListener("beforeprint", openOrigin);
  };
}

/** Let a button switch between light and dark; the system's choice comes first. */
export function startTheme(button) {
  const root = document.documentElement;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
}
