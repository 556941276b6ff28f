// The page of statistics: draws its charts, and follows what workers compute while it is open.
//
// The server says in one place how numbers look: when the payload has changed, the part of the page that shows it is
// fetched and put in the place of the old one.

import { drawCharts } from "./charts.js";

const PENDING_MS = 2000;
const IDLE_MS = 60000;
const LONGEST_PAUSE_MS = 300000;

const news = document.querySelector("#stats-news");
const trouble = document.querySelector("#stats-trouble");
let timer;
let failures = 0;

function shown() {
  return document.querySelector("#stats");
}

function plan(milliseconds) {
  clearTimeout(timer);
  if (!document.hidden) {
    timer = setTimeout(look, milliseconds);
  }
}

function next() {
  return shown().dataset.pending === "true" ? PENDING_MS : IDLE_MS;
}

async function look() {
  try {
    const answer = await fetch("/api/stats", {
      headers: { "If-None-Match": shown().dataset.etag },
      cache: "no-store",
    });
    if (answer.status === 401) {
      location.reload(); // logged out elsewhere: the login page comes instead
      return;
    }
    if (answer.status === 200) {
      await replace();
    } else if (answer.status !== 304) {
      throw new Error(`The server answered ${answer.status}.`);
    }
    failures = 0;
    trouble.hidden = true;
    plan(next());
  } catch {
    failures += 1;
    trouble.textContent = "The server cannot be reached, so these numbers may be old.";
    trouble.hidden = false;
    plan(Math.min(LONGEST_PAUSE_MS, PENDING_MS * 2 ** failures));
  }
}

async function replace() {
  const address = new URL(location.href);
  address.searchParams.set("part", "1");
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok || answer.redirected) {
    throw new Error(`The server answered ${answer.status}.`);
  }
  const old = shown();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#stats");
  for (const details of fresh.querySelectorAll("details[data-keep]")) {
    const before = old.querySelector(`details[data-keep="${details.dataset.keep}"]`);
    if (before) {
      details.open = before.open;
    }
  }
  const focused = placeOf(old, document.activeElement);
  const top = scrollY;
  const wasPending = old.dataset.pending === "true";
  old.replaceWith(fresh);
  focused?.(fresh)?.focus({ preventScroll: true });
  await drawCharts(fresh, "stats-charts");
  scrollTo({ top, behavior: "instant" });
  if (wasPending && fresh.dataset.pending === "false") {
    news.textContent = "The numbers were brought up to date.";
  }
}

// Where the focus is, as a way to find the same place in what comes in its stead.
function placeOf(part, element) {
  if (!part.contains(element)) {
    return undefined;
  }
  const which = [...part.querySelectorAll(element.tagName)].indexOf(element);
  return (fresh) => fresh.querySelectorAll(element.tagName)[which];
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
  } else {
    look();
  }
});

drawCharts(shown(), "stats-charts");
plan(next());
