// Keeps what is marked data-live up to date: the page is fetched again, and only those parts are put in its place.
"use strict";
const EVERY = 3000;
const stale = document.getElementById("stale");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (answer.redirected) return location.reload(); // signed out meanwhile
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next !== null && !next.hasAttribute("data-live")) return location.reload(); // it has ended
      if (next === null || next.innerHTML === part.innerHTML) continue;
      if (part.contains(document.activeElement) && document.activeElement.matches("a, summary, [tabindex]")) continue;
      part.replaceWith(document.adoptNode(next));
    }
    if (stale) stale.hidden = true;
  } catch {
    if (stale) stale.hidden = false;
  }
}

if (document.querySelector("[data-live]")) setInterval(refresh, EVERY);
