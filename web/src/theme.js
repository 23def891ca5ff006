// Light or dark by a button; what the system says until somebody chooses.
export const addThemeSwitch = () => {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      root.setAttribute("data-bs-theme", next);
      localStorage.setItem("theme", next);
      document.dispatchEvent(new Event("theme-changed"));
    });
  }
};
