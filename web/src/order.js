// A list put in order by dragging, or by its up and down buttons, which also work without a script.
const tell = (list, item) => {
  const place = [...list.children].indexOf(item) + 1;
  const said = list.closest("form").querySelector("[data-said]");
  if (said) said.textContent = `${item.dataset.name} is now number ${place} of ${list.children.length}.`;
  list.dispatchEvent(new Event("change", { bubbles: true }));
};

const number = (list) =>
  [...list.children].forEach((item, index) => {
    const place = item.querySelector("[data-place]");
    if (place) place.textContent = index + 1;
  });

export const makeSortable = (list) => {
  let dragged = null;
  for (const item of list.children) {
    item.draggable = true;
    item.addEventListener("dragstart", (event) => {
      dragged = item;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", item.dataset.name);
      item.classList.add("is-dragged");
    });
    item.addEventListener("dragend", () => {
      item.classList.remove("is-dragged");
      dragged = null;
      number(list);
      tell(list, item);
    });
    item.addEventListener("dragover", (event) => {
      if (!dragged || dragged === item) return;
      event.preventDefault();
      const box = item.getBoundingClientRect();
      item[event.clientY > box.top + box.height / 2 ? "after" : "before"](dragged);
    });
  }
  list.addEventListener("drop", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    event.preventDefault();
    const item = button.closest("[data-order] > *");
    const other = button.dataset.move === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    other[button.dataset.move === "up" ? "before" : "after"](item);
    button.focus();
    number(list);
    tell(list, item);
  });
};
