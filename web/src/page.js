// What a script adds to pages that work without one: parts that change without loading the page, live runs, order by drag.
import htmx from "htmx.org";
import { follow } from "./progress.js";
import { makeSortable } from "./order.js";
import { makeRepeatable } from "./rows.js";
import { addThemeSwitch } from "./theme.js";
import { makeUpload } from "./upload.js";

htmx.config.includeIndicatorStyles = false; // they would come as a style element, which the policy forbids
htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.historyCacheSize = 0; // pages hold what their reader may see; nothing of it stays in the browser's storage
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "...", swap: true }, // a refused query or form comes with its words, in the same place
];

document.documentElement.classList.add("has-script");
addThemeSwitch();

const each = (root, selector, act) => {
  if (root.matches?.(selector)) act(root);
  root.querySelectorAll(selector).forEach(act);
};

const mount = (root) => {
  each(root, "[data-progress]", follow);
  each(root, "[data-order]", makeSortable);
  each(root, "[data-rows]", makeRepeatable);
  each(root, "[data-upload]", makeUpload);
  each(root, "[data-check-all]", (box) =>
    box.addEventListener("change", () => {
      for (const one of box.closest("form").querySelectorAll(`input[name="${box.dataset.checkAll}"]`)) one.checked = box.checked;
      box.form?.dispatchEvent(new Event("change"));
    }),
  );
  each(root, "[data-counts-checked]", (place) => {
    const form = place.closest("form");
    const tell = () => {
      const number = form.querySelectorAll(`input[name="${place.dataset.countsChecked}"]:checked`).length;
      place.textContent = number ? `${number.toLocaleString("en")} chosen` : "none chosen";
    };
    form.addEventListener("change", tell);
    tell();
  });
  each(root, "[data-shows]", (select) => {
    // A choice that needs a field of its own shows it; without a script all of them are there.
    const tell = () =>
      document.querySelectorAll(`[data-shown-for^="${select.name}:"]`).forEach((part) => {
        const [, values] = part.dataset.shownFor.split(":");
        part.hidden = !values.split("|").includes(select.value);
      });
    select.addEventListener("change", tell);
    tell();
  });
  each(root, "[data-submits]", (field) => field.addEventListener("change", () => field.form.requestSubmit()));
};

document.addEventListener("DOMContentLoaded", () => mount(document.body));
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) mount(event.target);
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const address = new URL(event.detail.xhr.responseURL || location.href);
  if (address.pathname === "/login") {
    event.detail.shouldSwap = false;
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const place = document.querySelector("[role=search] .cm-content, [role=search] input:not([type=hidden])");
    if (place) {
      event.preventDefault();
      place.focus();
    }
  }
  if (event.key === "Escape") document.documentElement.classList.remove("is-menu-open");
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-menu]");
  if (!button) return;
  event.preventDefault();
  const open = document.documentElement.classList.toggle("is-menu-open");
  button.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("#main-nav a")?.focus();
});
