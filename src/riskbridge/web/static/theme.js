// Light or dark: what was chosen, else what the system says. Runs before anything is painted.
(() => {
  const chosen = localStorage.getItem("theme");
  const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", isDark ? "dark" : "light");
})();
