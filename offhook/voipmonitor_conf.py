"""Reads VoIPmonitor's own settings file as it is: which of its keys we honour, and a word on the others.

Lines are `key = value`; `#` begins a comment, and `;` at the beginning of a line; `[general]` is the only
section.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

Target = tuple[str, str]
"""Section and key of our settings."""


class ConfKey(msgspec.Struct, frozen=True):
    """One key of the file after translation; `target` None and `why_not` where it cannot be honoured."""

    key: str
    line: int
    value: Any = None
    target: Target | None = None
    why_not: str = ""


def _text(values: list[str]) -> Any:
    return values[-1]


def _joined(values: list[str]) -> Any:
    return ",".join(values)


def _pairs(values: list[str]) -> Any:
    """`natalias = public private`, a line a pair."""
    return {pair[0]: pair[1] for value in values if len(pair := value.replace(",", " ").split()) == 2}


def _list(values: list[str]) -> Any:
    """`X-One ; X-Two`, a line or several."""
    return ",".join(part.strip() for value in values for part in re.split(r"[;,]", value) if part.strip())


HONOURED: Final[dict[str, tuple[Target, Callable[[list[str]], Any]]]] = {
    "sipport": (("capture", "sip_ports"), _joined),
    "rtptimeout": (("records", "rtp_timeout_s"), _text),
    "sipwithoutrtptimeout": (("records", "sip_without_rtp_timeout_s"), _text),
    "absolute_timeout": (("calls", "absolute_timeout_s"), _text),
    "onewaytimeout": (("calls", "one_way_timeout_s"), _text),
    "custom_headers": (("calls", "headers"), _list),
    "matchheader": (("calls", "related_headers"), _list),
    "natalias": (("media", "natalias"), _pairs),
    "filter": (("capture", "wire_filter"), _text),
}
"""Keys with a counterpart in our settings."""

_NO_STORE: Final = "packets are not stored by this version; it reads captures"
_NO_DATABASE: Final = "calls are kept in ClickHouse: analyze --db, offhook up, offhook sink"
_NO_CLOUD: Final = "nothing is sent to a cloud by this version; sensors publish to Kafka: offhook capture"

NOT_HONOURED: Final[dict[str, str]] = {
    "id_sensor": "a sensor has a name here: offhook capture --sensor",
    "interface": "name it in the command: offhook capture --interface, offhook up --interface",
    "ringbuffer": "capture.ring_mb is the memory of each interface",
    "promisc": "interfaces are always heard in promiscuous mode",
    "max_buffer_mem": "memory has fixed bounds here",
    "threading_mod": "threads are chosen by the program",
    "spooldir": _NO_STORE,
    "maxpoolsize": _NO_STORE,
    "maxpooldays": _NO_STORE,
    "cleandatabase": _NO_DATABASE,
    "savesip": _NO_STORE,
    "savertp": _NO_STORE,
    "savertcp": _NO_STORE,
    "saveaudio": _NO_STORE,
    "savegraph": "quality over time is always there: --rows windows",
    "mysqlhost": _NO_DATABASE,
    "mysqldb": _NO_DATABASE,
    "mysqlusername": _NO_DATABASE,
    "mysqlpassword": _NO_DATABASE,
    "sqldriver": _NO_DATABASE,
    "managerport": "there is no manager port; settings are read at the start",
    "managerip": "there is no manager port; settings are read at the start",
    "server_destination": _NO_CLOUD,
    "server_destination_port": _NO_CLOUD,
    "server_password": _NO_CLOUD,
    "packetbuffer_sender": _NO_CLOUD,
    "cloud_host": _NO_CLOUD,
    "cloud_token": _NO_CLOUD,
    "sdp_multiplication": "a stream may belong to up to 3 calls here, and more are flagged",
    "mos_g729": "the codec's own impairment is always used",
    "jitterbuffer_f1": "the scores mos_f1, mos_f2 and mos_adaptive are always made",
    "jitterbuffer_f2": "the scores mos_f1, mos_f2 and mos_adaptive are always made",
    "jitterbuffer_adapt": "the scores mos_f1, mos_f2 and mos_adaptive are always made",
    "deduplicate": "copies are always recognised, and counted as capture_copies",
}
"""Keys that VoIPmonitor's users write and that have no counterpart, and why."""

_LINE = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*")


def read(text: str) -> Iterator[ConfKey]:
    """Every key of the file once, with all its values, at the line of its last one."""
    lines: dict[str, int] = {}
    values: dict[str, list[str]] = {}
    for number, written in enumerate(text.splitlines(), 1):
        line = re.split(r"^\s*[#;]|\s#", written, maxsplit=1)[0]
        found = _LINE.fullmatch(line)
        if found is None:
            if line.strip() and not line.strip().startswith("["):
                yield ConfKey(line.strip()[:40], number, why_not="is no line of the form key = value")
            continue
        lines[found[1]] = number
        values.setdefault(found[1], []).append(found[2])
    for key, given in values.items():
        if key in HONOURED:
            target, translate = HONOURED[key]
            yield ConfKey(key, lines[key], translate(given), target)
        else:
            why_not = NOT_HONOURED.get(key, "this key is not known here")
            yield ConfKey(key, lines[key], why_not=why_not)
