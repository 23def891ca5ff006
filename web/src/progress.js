// A run that is under way: told of by server-sent events, shown as the server renders it. A server that is started anew is
// found again by itself, and its run with it.
const EVERY_MS = 500;
const AGAIN_AFTER_MS = 2000;
const UNDER_WAY = ["queued", "running", "stopped"]; // stopped: the server ends, and goes on with the run at its next start

export const follow = (card) => {
  const said = card.querySelector("[data-live-said]");
  const state = card.querySelector("[data-live-state]");
  let news = null;
  let last = 0;
  let isAsked = false; // one answer at a time, so that no older one comes last
  let isStale = false;
  let isGone = false;

  const show = async () => {
    isStale = false;
    last = performance.now();
    try {
      const answer = await fetch(card.dataset.part, { headers: { accept: "text/html" } });
      const isPart = answer.ok && !answer.redirected;
      const text = isPart ? await answer.text() : "";
      const part = new DOMParser().parseFromString(text, "text/html").querySelector("[data-live]");
      const place = card.querySelector("[data-live]");
      if (part && place) place.replaceWith(document.adoptNode(part));
    } catch {
      // The events find out that the server is gone, and when it is back.
    }
    isAsked = false;
    if (isStale) ask();
  };

  const ask = () => {
    isStale = isAsked;
    if (isAsked) return;
    isAsked = true;
    setTimeout(show, Math.max(0, EVERY_MS - (performance.now() - last)));
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
      if (state) state.textContent = run.state;
      ask();
    });
  };

  window.addEventListener("pagehide", () => {
    isGone = true;
    news.close();
  });
  listen();
};
