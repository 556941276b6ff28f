"""Apache ECharts as hatch_build.py brought it in: served well, and drawing within our content policy."""

import httpx
from playwright.sync_api import Page

from tests.project.services import Service

PATH = "/static/web/vendor/echarts.js"


def test_it_is_served_as_javascript_and_compressed_for_whom_takes_that(service: Service) -> None:
    whole = httpx.get(f"{service.url}{PATH}", headers={"accept-encoding": "identity"})
    small = httpx.get(f"{service.url}{PATH}", headers={"accept-encoding": "gzip"})

    for answer in (whole, small):
        assert answer.status_code == 200, "ECharts is not there; `make up` brings it in, where npm can be reached"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert "content-encoding" not in whole.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == whole.content
    assert int(small.headers["content-length"]) < 400_000 < int(whole.headers["content-length"])


# A chart of two bars, whose colours no page of ours has, in a box at the top of the page.
DRAW = """
async (path) => {
  const echarts = await import(path);
  const box = document.createElement("div");
  document.getElementById("content").prepend(box);
  const chart = echarts.init(box, null, { renderer: "canvas", width: 300, height: 200 });
  chart.setOption({
    animation: false,
    tooltip: { trigger: "axis", renderMode: "richText" },
    xAxis: { data: ["Monday", "Tuesday"] },
    yAxis: {},
    series: [{ type: "bar", data: [30, 40], itemStyle: { color: "#ff00ff" } }],
  });
}
"""
MAGENTA_PIXELS = """
() => {
  const canvas = document.querySelector("#content canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    count += data[at] === 255 && data[at + 1] === 0 && data[at + 2] === 255;
  }
  return count;
}
"""


def draw(page: Page) -> None:
    page.goto("/")
    page.evaluate(DRAW, PATH)


def test_it_draws_a_chart_in_a_page_of_ours(page: Page) -> None:
    draw(page)
    assert page.evaluate(MAGENTA_PIXELS) > 1000


def test_its_tooltip_as_rich_text_keeps_to_our_content_policy(page: Page) -> None:
    draw(page)
    without = page.evaluate("document.querySelector('#content canvas').toDataURL()")
    page.locator("#content canvas").hover()
    page.wait_for_function("before => document.querySelector('#content canvas').toDataURL() !== before", arg=without)
