"""The report in a real browser: on a desk and on a phone, by day and by night.

Needs Chromium and its driver: `apt-get install chromium chromium-driver` on Debian.
"""

import re
import shutil
from base64 import b64decode

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from .made_up import KINDS

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)

PHONE, DESK = 375, 1280  # CSS pixels
WIDTHS = (390, 768, DESK)
UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")  # continuous integration runs as root
    options.add_argument("--disable-dev-shm-usage")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    log = tmp_path_factory.mktemp("chromium") / "driver.log"
    driver = webdriver.Chrome(options, Service(DRIVER, log_output=str(log)))
    yield driver
    driver.quit()


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def opened(request, chromium, scheme, report):
    """Open the report anew, and return the browser."""
    size = {"width": request.param, "height": 800, "deviceScaleFactor": 1}
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", size | {"mobile": request.param == PHONE}
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chromium.get(report.as_uri())
    chromium.width = request.param
    return chromium


def test_the_console_is_silent_and_nothing_was_requested(opened):
    assert opened.get_log("browser") == []
    requested = opened.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [name for name in requested if not name.startswith("data:")] == []


@pytest.fixture(scope="module", params=WIDTHS)
def unfolded(request, chromium, report):
    """Open the report in a window of some width, and every section in it."""
    size = {"width": request.param, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chromium.get(report.as_uri())
    chromium.folded_width = chromium.execute_script(WIDEST)
    chromium.execute_script(UNFOLD)
    chromium.width = request.param
    return chromium


WIDEST = "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"


def test_the_page_is_no_wider_than_the_window_folded_or_not(unfolded):
    assert unfolded.folded_width <= unfolded.width
    assert unfolded.execute_script(WIDEST) <= unfolded.width


def test_verdicts_and_the_limit_are_in_sight_at_every_width(unfolded):
    ends = unfolded.execute_script("""
        const limits = [...document.querySelectorAll(".best text")].filter((text) =>
            text.textContent.includes("limit"));
        const seen = [...document.querySelectorAll(".badge"), ...limits];
        return [limits.length, Math.max(...seen.map((e) => e.getBoundingClientRect().right))]""")
    assert ends[0] == 6
    assert ends[1] <= unfolded.width


def test_the_source_is_broken_between_tokens_only(unfolded):
    broken = unfolded.execute_script("""
        const tokens = document.querySelectorAll(".code span:not([class^=c]):not([class^=s])");
        return [tokens.length, [...tokens].filter((token) => !token.textContent.includes(" ")
            && token.getClientRects().length > 1).map((token) => token.textContent)]""")
    assert broken[0] > 500
    assert broken[1] == []


def test_every_picture_is_drawn_and_has_words(opened):
    opened.execute_script(UNFOLD)
    silent = opened.execute_script("""
        return [...document.querySelectorAll("svg, img")].filter((picture) =>
            !(picture.getAttribute("aria-label") || picture.alt || picture.ariaHidden === "true")
        ).length""")
    empty = opened.execute_script("""
        return [...document.querySelectorAll("svg, img")].filter((picture) => {
            const { width, height } = picture.getBoundingClientRect();
            return width < 5 || height < 5 || picture.naturalWidth === 0;
        }).length""")
    assert (silent, empty) == (0, 0)


def test_the_contents_lead_to_every_section_and_mark_it(opened):
    links = opened.find_elements("css selector", "nav.contents a")
    assert [link.text for link in links][1:-1] == list(KINDS)
    for link in links[1:-1]:
        target = link.get_attribute("hash")
        opened.execute_script("arguments[0].click()", link)
        WebDriverWait(opened, 20).until(lambda _, a=link: a.get_attribute("aria-current"))
        top = opened.execute_script(
            "return document.querySelector(arguments[0]).getBoundingClientRect().top", target
        )
        assert 0 <= top < 400


def test_text_stands_out_from_its_background(opened):
    contrasts = opened.execute_script("""
        const context = document.createElement("canvas").getContext("2d");
        const paint = (colour) => {
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
        };
        const luminance = () => {
            const linear = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((c) =>
                c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4);
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        };
        const paintBehind = (e) => {
            if (e.parentElement) paintBehind(e.parentElement);
            paint(getComputedStyle(e).backgroundColor);
        };
        const selectors = ["h1", ".lead", "main p", ".note", ".question", "main a", ".badge",
            "th", "td", "figcaption", ".code span", ".differs span"];
        const read = (e) => e.textContent.trim();
        return selectors.flatMap((s) => [...document.querySelectorAll(s)].filter(read).map((e) => {
            paintBehind(e);
            const behind = luminance();
            paint(getComputedStyle(e).color);
            const pair = [behind, luminance()];
            return [`${s}: ${read(e)}`, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)];
        }))""")
    assert [(s, ratio) for s, ratio in contrasts if ratio < 4.5] == []  # WCAG 2.2, level AA


def test_dark_is_dark_and_light_is_light(opened, scheme):
    red = opened.execute_script(
        "return +getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"
    )
    assert (red < 60) == (scheme == "dark")
    assert (red > 200) == (scheme == "light")


def test_it_prints_dark_on_white_without_the_contents(chromium, report):
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    chromium.get(report.as_uri())
    page, ink, contents = chromium.execute_script("""
        const style = getComputedStyle(document.body);
        return [style.backgroundColor, style.color,
            getComputedStyle(document.querySelector("nav")).display]""")
    assert (page, ink, contents) == ("rgb(255, 255, 255)", "rgb(29, 33, 38)", "none")


def test_six_experiments_are_printed_on_four_pages_unfolded_or_not(chromium, report):
    chromium.get(report.as_uri())
    chromium.execute_script(UNFOLD)
    printed = chromium.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pages = re.findall(rb"/Type\s*/Page\b", b64decode(printed["data"]))
    assert 1 < len(pages) <= 4
