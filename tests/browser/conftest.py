"""A report in a browser: of calls made by hand, some of which carry an attack in their names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from offhook.main import main
from schemas.cdr import CallRecord
from tests.browser.chromium import chromium, complaints, look, requests
from tests.offhook.queries.filling import fill, made_up

ATTACK = "\"><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="session")
def calls() -> list[CallRecord]:
    """Three days of calls; the worst ones attack."""
    calls = made_up(600, seed=7)
    bad = [call for call in calls if call.mos is not None][:3]
    attack = [
        replace(
            call,
            caller_name=ATTACK,
            caller=f"x{ATTACK}",
            call_id=f"'{ATTACK}{number}",
            mos_a=1.0,
            mos=1.0,
            codec_a=f"codec{ATTACK}",
            response_reason=ATTACK,
        )
        for number, call in enumerate(bad)
    ]
    attacked = {call.cdr_id: call for call in attack}
    return [attacked.get(call.cdr_id, call) for call in calls]


@pytest.fixture(scope="session")
def report(calls: list[CallRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as the command writes it."""
    folder = tmp_path_factory.mktemp("report")
    fill(folder / "store", calls)
    page = folder / "report.html"
    arguments = ["report", "--db", str(folder / "store"), "--html", str(page)]
    assert main([*arguments, "--filter", "caller!=<b>nobody</b>"]) == 0
    return page


@pytest.fixture(scope="session")
def chromium_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser a process: it takes a second to start."""
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(chromium_once: Any) -> Any:
    """The browser on an empty page, as wide as a desktop, with nothing said so far."""
    chromium_once.get("about:blank")
    look(chromium_once)
    requests(chromium_once)
    complaints(chromium_once)
    return chromium_once
