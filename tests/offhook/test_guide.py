"""The guide names every field, setting, filter and option there is, and none that is not."""

import re

import pytest

from offhook import settings
from offhook.filters import FIELDS
from offhook.rows import MessageRow, WindowRow
from schemas.cdr import CallRecord, RtcpFigures, SipEvent, StreamRecord
from schemas.registrations import Registration
from tests.paths import ROOT

GUIDE = (ROOT / "docs" / "guide.md").read_text()


def section(title: str) -> str:
    """From a heading to the next of its level or above."""
    level = len(title.partition(" ")[0])
    found = re.search(rf"^{re.escape(title)}$(.*?)(?=^#{{2,{level}}} |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def first_cells(text: str) -> set[str]:
    """Names in the first column of the tables; `codec_x` is codec_a and codec_b."""
    names: set[str] = set()
    for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", row):
            names |= {re.sub(r"_x(?=_|$)", f"_{side}", name) for side in "ab"}
    return names


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("## The call record", CallRecord),
        ("## The stream record", StreamRecord),
        ("## Windows", WindowRow),
        ("## Messages", MessageRow),
        ("## Registrations", Registration),
    ],
)
def test_every_field_is_explained(title: str, kind: type) -> None:
    assert first_cells(section(title)) == set(kind.__struct_fields__)  # type: ignore[attr-defined]


def test_children_are_named() -> None:
    assert all(f"`{name}`" in section("## The call record") for name in SipEvent.__struct_fields__)
    assert all(f"`{name}`" in section("## The stream record") for name in RtcpFigures.__struct_fields__)


def test_every_setting_is_explained() -> None:
    known = {f"{room}.{key}".lstrip(".") for room in settings.SECTIONS for key in settings.keys(room)}
    assert first_cells(section("## Settings")) == known


def test_every_filter_is_explained() -> None:
    known = {name for fields in FIELDS.values() for name in fields}
    assert first_cells(section("### Filters")) == known


def test_defaults_in_the_guide_are_the_defaults() -> None:
    rows = re.findall(r"^\| `([a-z]+)\.(\w+)` \| (\d+) \|", section("## Settings"), re.MULTILINE)
    assert len(rows) > 15
    for room, key, default in rows:
        value = getattr(settings.SECTIONS[room](), key)
        assert default == str(value[0] if isinstance(value, tuple) else value), key
