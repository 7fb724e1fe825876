"""The report's page in Chromium: it asks for nothing, says the right numbers, fits, and holds no attack."""

import re
from pathlib import Path
from statistics import mean, median
from typing import Any

from selenium.webdriver.common.by import By

from offhook.main import main
from schemas.cdr import CallRecord
from tests.browser.chromium import complaints, look, requests
from tests.browser.conftest import ATTACK
from tests.offhook.queries.filling import fill

CHARTS = (
    *("Calls", "Concurrent calls", "ASR", "ACD", "PDD", "MOS over time"),
    *("MOS", "Packet loss", "Post-dial delay", "Call length"),
)


def section(browser: Any, title: str) -> Any:
    return browser.find_element(By.XPATH, f"//section[.//h2[text()='{title}']]")


def tile(browser: Any, name: str) -> tuple[str, str]:
    found = browser.find_element(By.XPATH, f"//dl/div[dt[text()='{name}']]")
    return tuple(found.find_element(By.CLASS_NAME, kind).text for kind in ("value", "note"))  # type: ignore[return-value]


def rows(element: Any) -> list[list[str]]:
    script = (
        "return [...arguments[0].querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    found: list[list[str]] = element.parent.execute_script(script, element)
    return found


def test_the_page_asks_for_nothing_and_has_no_error(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    assert complaints(browser) == []
    assert [url for url in requests(browser) if not url.startswith(("file:", "data:"))] == []
    text = report.read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert "<script" not in text


def test_an_attack_in_a_name_stays_text(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    assert browser.title == "Calls: offhook report"
    assert (
        browser.execute_script("return document.querySelectorAll('script, img, [onerror], b > b').length")
        == 0
    )
    assert sum(ATTACK in row[10] and ATTACK in row[1] for row in rows(section(browser, "Worst calls"))) == 3
    assert any(ATTACK in row[0] for row in rows(section(browser, "Codecs")))
    assert "<b>nobody</b>" in browser.find_element(By.TAG_NAME, "header").text


def test_key_figures_are_those_of_the_calls(browser: Any, report: Path, calls: list[CallRecord]) -> None:
    browser.get(report.as_uri())
    answered = [call for call in calls if call.outcome == "answered"]
    mos = [call.mos for call in calls if call.mos is not None]
    assert tile(browser, "Calls") == (f"{len(calls):,}", f"{len(answered):,} answered")
    assert tile(browser, "ASR")[0] == f"{100 * len(answered) / len(calls):.1f} %"
    acd = round(mean(call.connect_duration or 0 for call in answered))
    assert tile(browser, "ACD")[0] == f"{acd // 60}:{acd % 60:02d}"
    assert (
        tile(browser, "PDD, median")[0]
        == f"{median(call.pdd for call in calls if call.pdd is not None):.2f} s"
    )
    assert tile(browser, "MOS, median")[0] == f"{median(mos):.2f}"
    poor = sum(value < 3.6 for value in mos)
    assert tile(browser, "MOS below 3.6") == (
        f"{100 * poor / len(mos):.1f} %",
        f"{poor} of {len(mos)} calls heard",
    )
    short = sum((call.connect_duration or 0) < 10 for call in answered)
    assert tile(browser, "Short calls")[0] == str(short)


def test_every_chart_is_drawn_and_its_numbers_stand_beside_it(
    browser: Any, report: Path, calls: list[CallRecord]
) -> None:
    browser.get(report.as_uri())
    for title in CHARTS:
        shown = [
            svg
            for svg in section(browser, title).find_elements(By.CSS_SELECTOR, "svg.chart")
            if svg.is_displayed()
        ]
        assert len(shown) == 1, title
        assert title.split()[0].lower() in shown[0].get_attribute("aria-label").lower()
        assert shown[0].size["height"] > 100, title
    numbers = rows(section(browser, "Calls"))
    assert sum(int(row[1]) for row in numbers) == len(calls)
    assert sum(int(row[2]) for row in numbers) == sum(call.outcome == "answered" for call in calls)
    drawn = section(browser, "Calls").find_elements(By.CSS_SELECTOR, "svg.wide .bars > g")
    assert len(drawn) == len(numbers)
    assert max(int(row[7]) for row in numbers) == most_at_once(calls)
    assert tile(browser, "Concurrent calls")[0] == str(most_at_once(calls))
    mos = [call.mos for call in calls if call.mos is not None]
    assert sum(int(row[1]) for row in rows(section(browser, "MOS"))) == len(mos)
    assert int(rows(section(browser, "MOS"))[0][1]) == sum(value < 1.25 for value in mos)


def most_at_once(calls: list[CallRecord]) -> int:
    """By counting through the calls' beginnings and ends, ends first."""
    changes = sorted([(call.start, 1) for call in calls] + [(call.end_time, -1) for call in calls])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_a_bar_is_as_high_as_its_number(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    look(browser, width=1280)
    script = """return [...arguments[0].querySelectorAll('svg.wide .bars > g')].map(
        g => [...g.querySelectorAll('rect:not(.hit)')].reduce((sum, r) => sum + r.height.baseVal.value, 0))"""
    heights = browser.execute_script(script, section(browser, "MOS"))
    counts = [int(row[1]) for row in rows(section(browser, "MOS"))]
    highest = max(range(len(counts)), key=counts.__getitem__)
    for height, count in zip(heights, counts, strict=True):
        assert abs(height / heights[highest] - count / counts[highest]) < 0.02


def test_the_worst_calls_come_first(browser: Any, report: Path, calls: list[CallRecord]) -> None:
    browser.get(report.as_uri())
    listed = [min(float(row[4]), float(row[5])) for row in rows(section(browser, "Worst calls"))]
    assert listed == sorted(listed)
    assert listed == [
        round(mos, 2) for mos in sorted(call.mos for call in calls if call.mos is not None)[:20]
    ]


def test_a_number_stands_in_one_line(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    look(browser, width=1280)
    heights = browser.execute_script(
        "return [...document.querySelectorAll('td.whole')].map(cell => {"
        " const text = document.createRange(); text.selectNodeContents(cell);"
        " return text.getBoundingClientRect().height; })"
    )
    assert heights and max(heights) < 25


def test_a_telephone_shows_it_without_scrolling_sideways(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    for width, wanted in ((400, "narrow"), (1280, "wide")):
        look(browser, width=width)
        script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert browser.execute_script(script), width
        shown = [
            svg.get_attribute("class")
            for svg in browser.find_elements(By.CSS_SELECTOR, "svg.chart")
            if svg.is_displayed()
        ]
        assert shown == [f"chart {wanted}"] * len(CHARTS)
    look(browser, width=718, media="print")  # A4 between margins
    assert browser.execute_script(script)
    look(browser, width=400)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('svg.narrow text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(sizes) > 9


def test_light_dark_and_paper_can_be_read(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    for dark, media in ((False, "screen"), (True, "screen"), (True, "print")):
        look(browser, dark=dark, media=media)
        for selector in ("h1", ".tile .value", ".tile .note", "td", "th", "svg.wide text", "td.bad"):
            assert contrast(browser, selector) >= 4.5, (selector, dark, media)


def contrast(browser: Any, selector: str) -> float:
    """WCAG 2.1 contrast of an element's text with what lies behind it."""
    script = """
        const element = document.querySelector(arguments[0]), style = getComputedStyle(element);
        let behind = element;
        const none = 'rgba(0, 0, 0, 0)';
        while (behind && getComputedStyle(behind).backgroundColor === none) behind = behind.parentElement;
        const text = element instanceof SVGElement ? style.fill : style.color;
        return [text, behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)'];"""
    light, dark = sorted(map(luminance, browser.execute_script(script, selector)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_reader_who_does_not_see_finds_names_and_tables(browser: Any, report: Path) -> None:
    browser.get(report.as_uri())
    nameless = """return [...document.querySelectorAll('svg, section, table, [role=region]')].filter(e =>
        !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby') && !e.querySelector('caption')
        && e.getAttribute('aria-hidden') !== 'true').length"""
    assert browser.execute_script(nameless) == 0
    doubled = (
        "const i = [...document.querySelectorAll('[id]')].map(e => e.id); return i.length - new Set(i).size"
    )
    assert browser.execute_script(doubled) == 0
    assert browser.execute_script("return document.documentElement.lang") == "en"
    assert browser.execute_script("return document.querySelectorAll('th:not([scope])').length") == 0


def test_an_empty_store_has_a_friendly_page(browser: Any, tmp_path: Path) -> None:
    fill(tmp_path / "store", [])
    page = tmp_path / "empty.html"
    assert main(["report", "--db", str(tmp_path / "store"), "--html", str(page)]) == 0
    browser.get(page.as_uri())
    assert "no calls yet" in browser.find_element(By.TAG_NAME, "main").text
    assert complaints(browser) == []
