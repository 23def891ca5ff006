// A file sent into the home; its name goes into the field of paths.
export const makeUpload = (field) => {
  field.disabled = false;
  const said = field.parentElement.querySelector("[data-upload-said]");
  said.textContent = "It is sent at once, and its name put into the field above.";
  field.addEventListener("change", async () => {
    if (!field.files.length) return;
    const body = new FormData();
    body.append("file", field.files[0]);
    said.textContent = "Sending …";
    const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
    const answer = await fetch("/api/v1/uploads", { method: "POST", body, headers: { "x-csrf-token": csrf } });
    const told = await answer.json();
    if (!answer.ok) {
      said.textContent = `${told.detail} ${told.remedy}`;
      return;
    }
    const paths = document.getElementById(field.dataset.upload);
    const others = "uploadReplaces" in field.dataset ? "" : paths.value.trim();
    paths.value = [others, told.path].filter(Boolean).join(", ");
    paths.dispatchEvent(new Event("input", { bubbles: true })); // so that a draft keeps it
    said.textContent = `${told.name} is here.`;
  });
};
