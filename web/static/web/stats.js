// The page of statistics: draws its charts, and follows what workers compute while it is open.
//
// The server says in one place how numbers look: when the payload has changed, the part of the page that shows it is
// fetched and put in the place of the old one.

import { drawCharts, keepCharts } from "./charts.js";

const PENDING_MS = 2000;
const IDLE_MS = 60000;
const LONGEST_PAUSE_MS = 300000;

const news = document.querySelector("#stats-news");
const trouble = document.querySelector("#stats-trouble");
let timer;
let failures = 0;
let isAsking = false;

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
  if (isAsking) {
    return; // whoever asked already makes the next plan
  }
  isAsking = true;
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
  } finally {
    isAsking = false;
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
  const focused = old.contains(document.activeElement) ? placeOf(old, document.activeElement) : undefined;
  const scrolled = [...old.querySelectorAll(".scroll")].map((box) => [
    placeOf(old, box),
    box.scrollTop,
    box.scrollLeft,
  ]);
  const top = scrollY;
  keepCharts(old, fresh);
  old.replaceWith(fresh);
  focused?.(fresh)?.focus({ preventScroll: true });
  for (const [find, fromTop, fromLeft] of scrolled) {
    find(fresh)?.scrollTo({ top: fromTop, left: fromLeft, behavior: "instant" });
  }
  await drawCharts(fresh, "stats-charts");
  scrollTo({ top, behavior: "instant" });
  if (fresh.dataset.numbers !== old.dataset.numbers) {
    // With the time: the same words again would not be read out.
    const time = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    news.textContent = `The numbers were brought up to date at ${time}.`;
  }
}

// A way to find what stands for an element of the page in what comes in its stead. By what it leads to or is called, not
// by its number: a new session in front of a list must not move the focus to another one.
function placeOf(part, element) {
  const is = (other) => nameOf(other) === nameOf(element);
  const alike = (where) => [...where.querySelectorAll(element.tagName)].filter(is);
  const which = alike(part).indexOf(element);
  return (fresh) => alike(fresh)[which] ?? alike(fresh)[0];
}

function nameOf(element) {
  return (
    element.getAttribute("href") ??
    element.getAttribute("aria-label") ??
    element.closest("[data-keep]")?.dataset.keep ??
    element.textContent
  );
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
