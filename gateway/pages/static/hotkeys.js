// Keys on any page: j and k move through [data-row], Enter opens the row's link, ? lists the keys.
// A page's own keys are on its elements: data-key="a" is clicked by a. Typing in a field is left alone.
"use strict";

const rows = () => [...document.querySelectorAll("[data-row]")];
const link = (row) => row.querySelector("a[data-open]") || row.querySelector("a");

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
  link(all[next])?.focus();
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], dialog[open]")) return;
  if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "j" || event.key === "k") {
    move(event.key === "j" ? 1 : -1);
  } else {
    const row = document.activeElement?.closest("[data-row]");
    const wanted = `[data-key="${CSS.escape(event.key)}"]`;
    const found = row?.querySelector(wanted) || document.querySelector(`main ${wanted}`);
    if (!found) return;
    found.matches("input:not([type=checkbox]):not([type=radio]), textarea, select") ? found.focus() : found.click();
  }
  event.preventDefault();
});

// A <select> or checkbox that applies a filter at once; without script its form has a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-apply]")) event.target.form?.requestSubmit();
});
