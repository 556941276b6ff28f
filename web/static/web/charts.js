// Charts of reading. The one file that knows ECharts: pages say which chart goes where, and in which colours by CSS.

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const NARROW = 560; // CSS pixels; below that a calendar of a year stands upright

let library;
const drawn = new Map(); // each element with its chart and the data that it shows

/**
 * Draw the charts of a part of the page, from the numbers that stand in it as JSON under `id`.
 *
 * Where ECharts cannot be had the boxes stay hidden: the tables beside them say the same.
 */
export async function drawCharts(part, id) {
  const held = part.querySelector(`#${id}`);
  if (!held) {
    return;
  }
  const numbers = JSON.parse(held.textContent);
  try {
    library ??= await import("./vendor/echarts.js");
  } catch {
    return;
  }
  for (const [element, { chart }] of drawn) {
    if (!element.isConnected) {
      chart.dispose();
      drawn.delete(element);
    }
  }
  for (const element of part.querySelectorAll("[data-chart]")) {
    draw(element, numbers[element.dataset.chart]);
  }
}

/** Let the charts of a part of the page go on in what takes its place, rather than be drawn from nothing. */
export function keepCharts(old, fresh) {
  for (const element of fresh.querySelectorAll("[data-chart]")) {
    const before = old.querySelector(`[data-chart="${element.dataset.chart}"]`);
    if (drawn.has(before)) {
      before.setAttribute("aria-label", element.getAttribute("aria-label"));
      element.replaceWith(before);
    }
  }
}

function draw(element, numbers) {
  const kind = KINDS[element.dataset.chart];
  if (!kind || !numbers || (Array.isArray(numbers) && numbers.length === 0)) {
    element.hidden = true;
    return;
  }
  element.hidden = false;
  const known = drawn.get(element);
  const chart = known?.chart ?? library.init(element, null, { renderer: "canvas" });
  drawn.set(element, { chart, numbers });
  if (!known) {
    sizes.observe(element);
  }
  const option = { ...frame(), ...kind(numbers, element.clientWidth) };
  // Only the first time: bars that grow anew with every session would draw the eye to themselves.
  option.animation &&= !known;
  chart.setOption(option, { notMerge: true });
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const known = drawn.get(target);
    if (known && target.clientWidth > 0) {
      known.chart.resize();
      draw(target, known.numbers);
    }
  }
});

function redraw() {
  for (const [element, { numbers }] of drawn) {
    draw(element, numbers);
  }
}

for (const query of ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"]) {
  matchMedia(query).addEventListener("change", redraw);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function frame() {
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 300,
    textStyle: { color: colour("text"), fontFamily: "system-ui, sans-serif" },
    // Drawn on the canvas: as HTML it would want inline styles, which the page's policy forbids.
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: colour("card"),
      borderColor: colour("edge"),
      textStyle: { color: colour("text") },
    },
    grid: { left: 8, right: 12, top: 26, bottom: 10, containLabel: true },
  };
}

function axes(names, unit) {
  const line = { lineStyle: { color: colour("edge") } };
  const label = { color: colour("quiet") };
  return {
    xAxis: { type: "category", data: names, axisLine: line, axisTick: { show: false }, axisLabel: label },
    yAxis: {
      type: "value",
      name: unit,
      nameTextStyle: { ...label, align: "left" },
      axisLabel: label,
      splitLine: { lineStyle: { color: colour("grid") } },
    },
  };
}

function dayName(text) {
  const [year, month, day] = text.split("-").map(Number);
  const when = new Date(year, month - 1, day ?? 1);
  return when.toLocaleDateString(
    "en-GB",
    day ? { day: "numeric", month: "short" } : { month: "short", year: "numeric" },
  );
}

export function minutesInWords(minutes) {
  const hours = Math.floor(minutes / 60);
  const rest = Math.round(minutes % 60);
  return hours ? `${hours} h ${String(rest).padStart(2, "0")} min` : `${rest} min`;
}

function bars(numbers) {
  const most = Math.max(...numbers.map(([, minutes]) => minutes));
  const inHours = most >= 180;
  const values = numbers.map(([, minutes]) => (inHours ? Math.round((minutes / 60) * 10) / 10 : minutes));
  return {
    ...axes(
      numbers.map(([when]) => dayName(when)),
      inHours ? "hours" : "minutes",
    ),
    tooltip: {
      ...frame().tooltip,
      trigger: "axis",
      formatter: ([{ dataIndex }]) => `${dayName(numbers[dataIndex][0])}\n${minutesInWords(numbers[dataIndex][1])}`,
    },
    series: [
      { type: "bar", data: values, itemStyle: { color: colour("bar"), borderRadius: [3, 3, 0, 0] }, barMaxWidth: 36 },
    ],
  };
}

function lines(numbers, unit, { most, name } = {}) {
  const option = axes(
    numbers.map(([when]) => dayName(when)),
    unit,
  );
  if (most) {
    option.yAxis.max = most;
  }
  return {
    ...option,
    tooltip: {
      ...frame().tooltip,
      trigger: "axis",
      formatter: ([{ dataIndex }]) => `${dayName(numbers[dataIndex][0])}\n${numbers[dataIndex][1]} ${name ?? unit}`,
    },
    series: [
      {
        type: "line",
        data: numbers.map(([, value]) => value),
        connectNulls: true,
        symbolSize: 7,
        lineStyle: { color: colour("bar"), width: 2 },
        itemStyle: { color: colour("bar") },
      },
    ],
  };
}

// One long day must not make all others look alike: what is above nineteen of twenty has the darkest colour.
function heat(minutes) {
  const ordered = minutes.filter((each) => each > 0).sort((one, other) => one - other);
  const shades = ["heat-1", "heat-2", "heat-3", "heat-4"].map(colour);
  return {
    min: 0,
    max: Math.max(1, ordered[Math.floor(ordered.length * 0.95)] ?? 1),
    show: false,
    inRange: { color: shades },
    outOfRange: { color: shades.at(-1) },
  };
}

const KINDS = {
  daily: bars,

  pace: (numbers) => lines(numbers, "pages an hour"),

  progress: (numbers) => lines(numbers, "%", { most: 100, name: "% of the book" }),

  trend: (numbers) => {
    const told = numbers.filter(([, pages, percent]) => pages ?? percent);
    const byPages = told.some(([, pages]) => pages);
    const unit = byPages ? "pages an hour" : "% an hour";
    return lines(
      told.map(([month, pages, percent]) => [month, (byPages ? pages : percent) ?? null]),
      unit,
    );
  },

  calendar: ({ first, last, days }, width) => {
    const upright = width < NARROW;
    const label = { color: colour("quiet"), fontSize: 11 };
    return {
      tooltip: {
        ...frame().tooltip,
        formatter: ({ value: [day, minutes] }) => `${dayName(day)}\n${minutesInWords(minutes)}`,
      },
      visualMap: heat(days.map(([, minutes]) => minutes)),
      calendar: {
        orient: upright ? "vertical" : "horizontal",
        range: [first, last],
        ...(upright ? { left: 46, right: 4, top: 22, bottom: 4 } : { left: 34, right: 4, top: 22, bottom: 4 }),
        cellSize: "auto",
        itemStyle: { color: colour("heat-0"), borderColor: colour("card"), borderWidth: 2 },
        splitLine: { show: false },
        yearLabel: { show: false },
        monthLabel: { ...label, nameMap: "en" },
        dayLabel: { ...label, firstDay: 1, nameMap: ["S", "M", "T", "W", "T", "F", "S"] },
      },
      series: [{ type: "heatmap", coordinateSystem: "calendar", data: days }],
    };
  },

  hours: (numbers) => {
    const label = { color: colour("quiet") };
    const bare = { axisLine: { show: false }, axisTick: { show: false }, splitArea: { show: false } };
    return {
      tooltip: {
        ...frame().tooltip,
        formatter: ({ value: [hour, weekday, minutes] }) =>
          `${WEEKDAYS[weekday]}, ${hour}:00 to ${hour + 1}:00\n${minutesInWords(minutes)}`,
      },
      visualMap: heat(numbers.map(([, , minutes]) => minutes)),
      grid: { left: 4, right: 4, top: 6, bottom: 10, containLabel: true },
      xAxis: { type: "category", data: [...Array(24).keys()], axisLabel: label, ...bare },
      yAxis: { type: "category", data: WEEKDAYS, inverse: true, axisLabel: label, ...bare },
      series: [
        {
          type: "heatmap",
          data: numbers,
          itemStyle: { borderColor: colour("card"), borderWidth: 2, borderRadius: 3 },
        },
      ],
    };
  },
};
