// What scripts add to pages that work without them: the theme switch and live progress.
(() => {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      root.setAttribute("data-bs-theme", next);
      localStorage.setItem("theme", next);
    });
  }

  const cell = (text) => {
    const td = document.createElement("td");
    td.textContent = text;
    return td;
  };
  const show = (card, run) => {
    card.querySelector("[data-run-state]").textContent = run.state;
    const rows = run.phases.map((phase) => {
      const tr = document.createElement("tr");
      const of = phase.rows && phase.expected_rows ? ` of ${phase.expected_rows.toLocaleString("en")}` : "";
      tr.append(
        cell(phase.name),
        cell(phase.state),
        cell(phase.rows.toLocaleString("en") + of),
        cell(phase.rows && phase.rows_per_s ? `${phase.rows_per_s.toLocaleString("en")}/s` : ""),
        cell(`${phase.seconds.toFixed(1)} s`),
      );
      return tr;
    });
    card.querySelector("[data-phases]").replaceChildren(...rows);
  };
  for (const card of document.querySelectorAll("[data-progress]")) {
    const news = new EventSource(card.dataset.progress);
    news.addEventListener("progress", (event) => {
      const run = JSON.parse(event.data);
      show(card, run);
      if (run.state !== "queued" && run.state !== "running") {
        news.close();
        location.reload();
      }
    });
  }
})();
