// The settings of the reader's day: offers the zone of the device that the page is looked at on, and follows the
// counting anew of their days after a change.

const EVERY_MS = 1000;
const LONGEST_PAUSE_MS = 60000;

const form = document.querySelector("#day-form");
const zones = form.elements.timezone;
const button = document.querySelector("#own-zone");
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (own && own !== zones.value && [...zones.options].some((option) => option.value === own)) {
  button.textContent = `Use this device’s zone: ${own.replaceAll("_", " ")}`;
  button.hidden = false;
  button.addEventListener("click", () => {
    zones.value = own;
    form.requestSubmit();
  });
}

const recount = document.querySelector("#recount");
const says = recount.querySelector("p");
let timer;
let failures = 0;

function plan(milliseconds) {
  clearTimeout(timer);
  if (recount.dataset.running === "true" && !document.hidden) {
    timer = setTimeout(look, milliseconds);
  }
}

async function look() {
  try {
    const answer = await fetch("/api/stats/recount", { cache: "no-store" });
    if (answer.status === 200) {
      const { done, days } = await answer.json();
      says.textContent = `Your days are being counted anew: ${Math.min(done, days)} of ${days} are done.`;
      recount.querySelector("progress").value = Math.min(99, Math.floor((done * 100) / Math.max(1, days)));
    } else if (answer.status === 204) {
      recount.dataset.running = "false";
      recount.querySelector("progress").value = 100;
      says.textContent = "All your days are counted anew.";
    } else {
      throw new Error(`The server answered ${answer.status}.`);
    }
    failures = 0;
  } catch {
    failures += 1; // what is shown stays; the next look may succeed
  }
  plan(Math.min(LONGEST_PAUSE_MS, EVERY_MS * 2 ** failures));
}

document.addEventListener("visibilitychange", () => plan(0));
plan(EVERY_MS);
