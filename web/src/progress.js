// A run that is under way: told of by server-sent events, shown as the server renders it. A server that is started anew is
// found again by itself, and its run with it.
const EVERY_MS = 500;
const AGAIN_AFTER_MS = 2000;
const UNDER_WAY = ["queued", "running", "stopped"]; // stopped: the server ends, and goes on with the run at its next start

export const follow = (card) => {
  const said = card.querySelector("[data-live-said]");
  let news = null;
  let last = 0;
  let waiting = null;
  let isGone = false;

  const show = async () => {
    waiting = null;
    last = performance.now();
    try {
      const answer = await fetch(card.dataset.part, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      const place = card.querySelector("[data-live]");
      if (part && place) place.replaceWith(document.adoptNode(part));
    } catch {
      // The events find out that the server is gone, and when it is back.
    }
  };

  const listen = () => {
    news = new EventSource(card.dataset.progress);
    news.addEventListener("open", () => {
      if (said) said.textContent = "";
    });
    news.addEventListener("error", () => {
      if (isGone) return;
      if (said) said.textContent = "The server does not answer; it is asked again by itself.";
      if (news.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_AFTER_MS);
    });
    news.addEventListener("progress", (event) => {
      const run = JSON.parse(event.data);
      if (!UNDER_WAY.includes(run.state)) {
        isGone = true;
        news.close();
        location.reload();
        return;
      }
      if (waiting === null) waiting = setTimeout(show, Math.max(0, EVERY_MS - (performance.now() - last)));
    });
  };

  window.addEventListener("pagehide", () => {
    isGone = true;
    news.close();
  });
  listen();
};
