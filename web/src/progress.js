// A run that is under way: told of by server-sent events, shown as the server renders it.
const EVERY_MS = 500;

export const follow = (card) => {
  const news = new EventSource(card.dataset.progress);
  let last = 0;
  let waiting = null;

  const show = async () => {
    waiting = null;
    last = performance.now();
    const answer = await fetch(card.dataset.part, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
    const place = card.querySelector("[data-live]");
    if (part && place) place.replaceWith(document.adoptNode(part));
  };

  news.addEventListener("progress", (event) => {
    const run = JSON.parse(event.data);
    if (!["queued", "running"].includes(run.state)) {
      news.close();
      location.reload();
      return;
    }
    if (waiting === null) waiting = setTimeout(show, Math.max(0, EVERY_MS - (performance.now() - last)));
  });
  window.addEventListener("pagehide", () => news.close());
};
