"""The one question that clickhouse-go (Grafana's plug-in) asks in a newer Native format than the engine's.

It sends `client_protocol_version` and reads this answer as a server of that revision would write it: with a
block's info, and a byte for each column's serialization. What it reads later is of the revision that it finds
in the answer; 0 is the plain form, which is what the engine writes.
"""

from struct import pack
from typing import Final

STATEMENT: Final = "SELECT displayName(), version(), revision(), timezone()"
"""conn_http.go, queryHello."""

SINCE: Final = 54454
"""DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION."""

_INFO: Final = b"\x01\x00\x02" + pack("<i", -1) + b"\x00"
"""is_overflows = false, bucket_num = -1."""


def greeting(version: str, timezone: str) -> bytes:
    """The answer, in the Native format of revision 54454 and later."""
    columns = (
        ("displayName()", "String", _text("offhook")),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", pack("<I", 0)),
        ("timezone()", "String", _text(timezone)),
    )
    head = _INFO + bytes((len(columns), 1))
    return head + b"".join(_text(name) + _text(kind) + b"\x00" + value for name, kind, value in columns)


def _text(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 128  # one byte of length
    return bytes((len(data),)) + data
