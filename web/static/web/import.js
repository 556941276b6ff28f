// The page of imports: follows those that are under way. What an import came to is said by the server in one place:
// when one is over, the list is fetched and put in the place of the old one.

const EVERY_MS = 1000;
const LONGEST_PAUSE_MS = 60000;

const news = document.querySelector("#import-news");
const trouble = document.querySelector("#import-trouble");
const numbers = new Intl.NumberFormat("en");
let timer;
let failures = 0;

function list() {
  return document.querySelector("#imports");
}

function plan(milliseconds) {
  clearTimeout(timer);
  if (list().dataset.running === "true" && !document.hidden) {
    timer = setTimeout(look, milliseconds);
  }
}

async function look() {
  try {
    const answer = await fetch("/api/stats/imports", { cache: "no-store" });
    if (answer.status === 401) {
      location.reload(); // logged out elsewhere: the login page comes instead
      return;
    }
    if (!answer.ok) {
      throw new Error(`The server answered ${answer.status}.`);
    }
    await show(await answer.json());
    failures = 0;
    trouble.hidden = true;
    plan(EVERY_MS);
  } catch {
    failures += 1;
    trouble.textContent = "The server cannot be reached, so this may be old.";
    trouble.hidden = false;
    plan(Math.min(LONGEST_PAUSE_MS, EVERY_MS * 2 ** failures));
  }
}

async function show(imports) {
  for (const each of imports) {
    const shown = list().querySelector(`[data-import="${each.id}"]`);
    const wasOpen = shown && ["queued", "running"].includes(shown.dataset.state);
    if (!wasOpen) {
      continue;
    }
    if (!["queued", "running"].includes(each.state)) {
      await replace();
      news.textContent = each.state === "finished" ? "The import is finished." : "The import failed.";
      return;
    }
    shown.dataset.state = each.state;
    if (each.rows_total) {
      shown.querySelector("progress").value = Math.min(100, Math.floor((each.rows_done * 100) / each.rows_total));
      const sessions = `${numbers.format(each.sessions_stored)} session${each.sessions_stored === 1 ? "" : "s"}`;
      const pages = `${numbers.format(each.rows_done)} of ${numbers.format(each.rows_total)} pages`;
      shown.querySelector(".says").textContent = `${pages} are done, ${sessions} so far.`;
    } else if (each.state === "running") {
      shown.querySelector(".says").textContent = "It is being looked through.";
    }
  }
}

async function replace() {
  const answer = await fetch(location.pathname, { cache: "no-store" });
  if (!answer.ok || answer.redirected) {
    throw new Error(`The server answered ${answer.status}.`);
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  list().replaceWith(fresh.querySelector("#imports"));
  withoutWays();
}

// This page looks by itself.
function withoutWays() {
  for (const way of list().querySelectorAll(".look-again")) {
    way.hidden = true;
  }
}

document.addEventListener("visibilitychange", () => plan(0));
withoutWays();
plan(EVERY_MS);
