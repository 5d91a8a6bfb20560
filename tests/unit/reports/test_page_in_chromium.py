"""The page in a real browser: nothing asked of anybody, nothing wider than the screen, wide, narrow, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
from lockstep.reports.parallel import parallel_report
from lockstep.reports.rendering import render

from .parallel_samples import AS_OF, SOURCE, run
from .samples import REPORT

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    with browser.page(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.mark.parametrize("name", ["efficiency", "parallel"])
def test_it_fits_every_screen_and_asks_nobody(page: browser.Page, tmp_path: Path, name: str) -> None:
    report = REPORT if name == "efficiency" else parallel_report(run(), as_of=AS_OF, source=SOURCE)
    file = tmp_path / f"{name}.html"
    file.write_bytes(render(report, "html"))
    page.open(file.as_uri())
    page.wait(f"document.readyState == 'complete' && document.title == {report.title!r}")
    for width in (320, 390, 800, 1280, 1900):
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        assert page.run("document.documentElement.scrollWidth") <= width
    for dark in (False, True):
        page.picture(tmp_path / f"{dark}.png", dark=dark)
        ground, ink = page.run(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        brightness = [sum(map(int, one.strip("rgb()").split(", "))) for one in (ground, ink)]
        assert (brightness[0] < brightness[1]) is dark
    assert page.complaints == []
    assert {one.partition(":")[0] for one in page.requested} == {"file"}
