// Fetches the page again every two seconds and puts its content in place: the server renders, here is nothing
// to keep in step with it. Folded sections stay as the reader left them.
"use strict";

const EVERY = 2000;

async function refresh() {
  const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(EVERY * 2) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const fold of fresh.querySelectorAll("details[id]")) {
    const shown = document.getElementById(fold.id);
    if (shown) fold.open = shown.open;
  }
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  document.title = fresh.title;
}

async function keepFresh() {
  for (;;) {
    await new Promise((wake) => setTimeout(wake, EVERY));
    if (document.hidden) continue;
    try {
      await refresh();
    } catch {
      const freshness = document.getElementById("freshness");
      freshness.textContent = "The service does not answer: this is what it said last.";
      freshness.className = "lost";
      document.querySelector("main").classList.add("stale");
      document.title = "No answer: Howdah";
    }
  }
}

keepFresh();
