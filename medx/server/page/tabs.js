// Prediction, similar cases, report: one at a time, beside the image.

const KEPT = "medx-tab"; // the one chosen last, for the next case

/** Let the tabs in `part` be chosen; returns what shows the tab an element lies in. */
export function startTabs(part) {
  const list = part.querySelector("[role=tablist]"), tabs = [...list.children];
  const panelOf = (tab) => part.querySelector(`#${tab.getAttribute("aria-controls")}`);

  function choose(chosen) {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      panelOf(tab).hidden = tab !== chosen;
    }
    const covered = panelOf(chosen).getBoundingClientRect().top - list.getBoundingClientRect().bottom;
    if (covered < 0) scrollBy(0, covered); // begin a panel at its beginning
  }

  function chooseByHand(tab) {
    choose(tab);
    tab.focus({ preventScroll: true });
    localStorage.setItem(KEPT, tab.id);
  }

  const steps = { ArrowLeft: (at) => at - 1, ArrowRight: (at) => at + 1, Home: () => 0, End: () => -1 };
  list.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    chooseByHand(tabs.at(step(tabs.indexOf(event.target)) % tabs.length));
  });
  for (const tab of tabs) tab.addEventListener("click", () => chooseByHand(tab));
  choose(tabs.find((tab) => tab.id === localStorage.getItem(KEPT)) || tabs[0]);

  return (element) => {
    const tab = tabs.find((one) => panelOf(one).contains(element));
    if (!tab || !panelOf(tab).hidden) return;
    choose(tab);
    element.tabIndex = -1; // what had the focus is hidden now
    element.focus({ preventScroll: true });
  };
}
