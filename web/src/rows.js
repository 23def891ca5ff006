// A table of rows that a person adds to and takes from; the blank rows it comes with serve where there is no script.
export const makeRepeatable = (table) => {
  const body = table.querySelector("tbody");
  const template = document.getElementById(table.dataset.rows);
  const adding = document.querySelector(`[data-add-to="${table.id}"]`);
  const changed = () => table.dispatchEvent(new Event("change", { bubbles: true }));
  if (adding && template) {
    adding.hidden = false;
    adding.addEventListener("click", () => {
      const row = template.content.cloneNode(true);
      const key = 1 + Math.max(0, ...[...body.querySelectorAll("[name=row]")].map((field) => Number(field.value)));
      row.querySelector("[name=row]").value = key;
      row.querySelectorAll("input[type=checkbox]").forEach((box) => (box.value = key));
      body.append(row);
      body.lastElementChild.querySelector("input, select")?.focus();
      body.lastElementChild.scrollIntoView({ block: "nearest" });
    });
  }
  table.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove-row]");
    if (!button) return;
    event.preventDefault();
    const row = button.closest("tr");
    (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("input, select")?.focus();
    row.remove();
    changed();
  });
};
