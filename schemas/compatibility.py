"""Whether today's schemas can read all that was ever written with released ones.

A schema may only grow: fields are added, each with a default; nothing is removed, renamed or retyped. A
changed schema gets a new id in `schemas/avro/ids.json`; `python -m schemas.compatibility --release` records
it in `schemas/avro/released.json`, from where old values are read for ever. Without the option it checks.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas import files
from schemas.files import Released


def canonical(text: str) -> str:
    """Avro's Parsing Canonical Form of a schema (Avro 1.12 specification, "Parsing Canonical Form")."""
    form: str = parse(text).canonical_form
    return form


def fingerprint(text: str) -> str:
    """SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(canonical(text).encode()).hexdigest()


def faults(topic: str, text: str, schema_id: int, released: list[Released]) -> Iterator[str]:
    """What is wrong with a topic's schema `text`, to be written as `schema_id`, after those released."""
    for old in released:
        if old.schema_id == schema_id:
            if old.topic != topic:
                yield f"{topic}: schema id {schema_id} belongs to {old.topic}"
            elif old.fingerprint != fingerprint(text):
                yield f"{topic}: the schema changed after it was released as {schema_id}: give it a new id"
        if old.topic == topic:
            yield from _unreadable(text, old)
            yield from _gone(topic, old.schema, json.loads(canonical(text)))


def current_faults() -> list[str]:
    """What is wrong with the schemas as their files have them."""
    released = list(files.released().values())
    known = {old.schema_id for old in released}
    found: list[str] = []
    for topic, schema_id in files.ids().items():
        text = files.schema_text(topic)
        found += faults(topic, text, schema_id, released)
        if schema_id not in known:
            found.append(f"{topic}: schema {schema_id} is not released")
    return found


def _unreadable(text: str, old: Released) -> Iterator[str]:
    checker: Any = ReaderWriterCompatibilityChecker  # untyped
    verdict = checker().get_compatibility(parse(text), parse(json.dumps(old.schema)))
    if verdict.compatibility is not SchemaCompatibilityType.compatible:
        places = ", ".join(sorted(verdict.locations))
        reasons = "; ".join(sorted(verdict.messages))
        yield f"{old.topic}: cannot read what was written with {old.schema_id}: {reasons} (at {places})"


def _gone(path: str, old: Any, new: Any) -> Iterator[str]:
    """Parts of an old canonical form that the new one does not have as they were."""
    if isinstance(old, dict) and isinstance(new, dict) and old["type"] == new["type"]:
        yield from _gone_inside(path, old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(new) >= len(old):
        for at, branch in enumerate(old):
            yield from _gone(f"{path}[{at}]", branch, new[at])
    elif old != new:
        yield f"{path} is no longer as released"


def _gone_inside(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old.get("name") != new.get("name"):
        yield f"{path} is no longer named {old.get('name')}"
    fields = {field["name"]: field["type"] for field in new.get("fields", ())}
    for field in old.get("fields", ()):
        place = f"{path}.{field['name']}"
        if field["name"] in fields:
            yield from _gone(place, field["type"], fields[field["name"]])
        else:
            yield f"{place} was removed"
    for part in ("items", "values"):
        if part in old:
            yield from _gone(f"{path}[]", old[part], new[part])


def release() -> list[str]:
    """Record today's schemas as released; what is wrong with them instead, if anything is."""
    before = list(files.released().values())
    added = []
    for topic, schema_id in files.ids().items():
        text = files.schema_text(topic)
        found = list(faults(topic, text, schema_id, before))
        if found:
            return found
        if schema_id not in files.released():
            added.append(Released(schema_id, topic, fingerprint(text), json.loads(canonical(text))))
    rows = ",\n".join(json.dumps(row._asdict()) for row in [*before, *added])
    files.RELEASED.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    files.released.cache_clear()
    return []


def main(arguments: list[str] | None = None) -> int:
    """Check, or release; 1 with a line for each fault."""
    parser = argparse.ArgumentParser(prog="python -m schemas.compatibility", description="Check the schemas.")
    parser.add_argument("--release", action="store_true", help="record today's schemas as released")
    found = release() if parser.parse_args(arguments).release else current_faults()
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
