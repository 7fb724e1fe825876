"""The schema files: one a topic in `schemas/avro`, their ids, and the versions once released."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "avro"
IDS: Final = FOLDER / "ids.json"
RELEASED: Final = FOLDER / "released.json"


class Released(NamedTuple):
    """One released version of a topic's schema; it can be read for ever."""

    schema_id: int
    topic: str
    fingerprint: str  # SHA-256 of the canonical form, hexadecimal
    schema: dict[str, Any]  # Avro's Parsing Canonical Form


def schema_path(topic: str) -> Path:
    """The topic's schema file."""
    return FOLDER / (topic.replace(".", "_") + ".avsc")


def schema_text(topic: str) -> str:
    """The topic's schema, as its file has it."""
    return schema_path(topic).read_text(encoding="utf-8")


def plain_schema(topic: str) -> dict[str, Any]:
    """The topic's schema without docs and logical types: our records hold times as µs."""
    schema: dict[str, Any] = _plain(json.loads(schema_text(topic)))
    return schema


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        if set(node) == {"type", "logicalType"}:
            return node["type"]
        return {name: _plain(value) for name, value in node.items() if name != "doc"}
    return [_plain(item) for item in node] if isinstance(node, list) else node


@cache
def ids() -> dict[str, int]:
    """The schema id each topic is written with."""
    numbers: dict[str, int] = json.loads(IDS.read_text(encoding="utf-8"))
    return numbers


@cache
def released() -> dict[int, Released]:
    """All released versions by schema id."""
    rows = json.loads(RELEASED.read_text(encoding="utf-8")) if RELEASED.exists() else []
    return {row["schema_id"]: Released(**row) for row in rows}
