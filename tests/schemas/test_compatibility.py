"""A schema may only grow."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas import compatibility, files
from schemas.compatibility import canonical, faults, fingerprint
from schemas.files import Released

OLD: dict[str, Any] = {
    "type": "record",
    "name": "Call",
    "namespace": "offhook",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "pdd", "type": ["null", "double"], "default": None},
        {
            "name": "legs",
            "type": {
                "type": "array",
                "items": {"type": "record", "name": "Leg", "fields": [{"name": "port", "type": "int"}]},
            },
        },
    ],
}


def changed(**fields: Any) -> str:
    """OLD with fields of these types in place of, or after, its own; None removes."""
    schema = json.loads(json.dumps(OLD))
    for name, field in fields.items():
        schema["fields"] = [kept for kept in schema["fields"] if kept["name"] != name]
        if field is not None:
            schema["fields"].append({"name": name, **field})
    return json.dumps(schema)


def found(text: str, schema_id: int = 2) -> list[str]:
    old = json.dumps(OLD)
    released = [Released(1, "cdr", fingerprint(old), json.loads(canonical(old)))]
    return list(faults("cdr", text, schema_id, released))


def test_the_schemas_are_as_released_and_read_all_that_was() -> None:
    assert compatibility.current_faults() == []
    assert compatibility.main([]) == 0


def test_every_field_and_record_is_described() -> None:
    for topic in files.ids():
        for node in _nodes(json.loads(files.schema_text(topic))):
            if "fields" in node:
                assert node["doc"], (topic, node["name"])
                assert all(field["doc"] for field in node["fields"]), (topic, node["name"])


def test_a_field_that_may_be_null_is_null_by_default() -> None:
    for topic in files.ids():
        for node in _nodes(json.loads(files.schema_text(topic))):
            for field in node.get("fields", ()):
                if isinstance(field["type"], list):
                    assert field["type"][0] == "null"
                    assert field["default"] is None


def test_the_stream_of_an_unmatched_row_is_the_stream_of_a_call() -> None:
    alone = json.loads(files.schema_text("rtp.unmatched"))
    children = json.loads(files.schema_text("cdr"))["fields"][-1]
    assert children["name"] == "streams"
    assert alone["fields"][-1]["name"] == "stream"
    assert children["type"]["items"]["fields"] == alone["fields"][-1]["type"]["fields"]


def _nodes(schema: Any) -> list[dict[str, Any]]:
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    nested = [node for part in inside for node in _nodes(part)]
    return [schema, *nested] if isinstance(schema, dict) else nested


def test_a_field_with_a_default_may_be_added() -> None:
    assert found(changed(mos={"type": ["null", "double"], "default": None})) == []


def test_docs_and_defaults_may_change_under_the_same_id() -> None:
    assert found(changed(), schema_id=1) == []
    assert found(json.dumps(OLD | {"doc": "A call."}), schema_id=1) == []


def test_a_change_needs_a_new_id() -> None:
    added = changed(mos={"type": ["null", "double"], "default": None})
    assert found(added, schema_id=1) == [
        "cdr: the schema changed after it was released as 1: give it a new id"
    ]


def test_an_id_belongs_to_one_topic() -> None:
    old = json.dumps(OLD)
    released = [Released(1, "cdr", fingerprint(old), json.loads(canonical(old)))]
    assert list(faults("channels", old, 1, released)) == ["channels: schema id 1 belongs to cdr"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (changed(pdd=None), "cdr.pdd was removed"),
        (changed(mos={"type": "double"}), "cdr: cannot read what was written with 1"),
        (changed(id={"type": "long"}), "cdr.id is no longer as released"),
        (changed(id={"type": ["null", "string"], "default": None}), "cdr.id is no longer as released"),
        (changed(legs={"type": {"type": "array", "items": "string"}}), "cdr.legs[] is no longer as released"),
        (json.dumps(OLD | {"name": "Dialog"}), "cdr is no longer named offhook.Call"),
        (json.dumps(OLD).replace('"port"', '"ports"'), "cdr.legs[].port was removed"),
        (
            json.dumps(OLD).replace('"null", "double"', '"null", "long"'),
            "cdr.pdd[1] is no longer as released",
        ),
    ],
)
def test_what_old_values_or_readers_would_miss_is_refused(text: str, reason: str) -> None:
    assert any(fault.startswith(reason) for fault in found(text)), found(text)


def test_releasing_records_new_versions_and_keeps_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "released.json"
    monkeypatch.setattr(files, "RELEASED", released)
    files.released.cache_clear()
    try:
        assert len(compatibility.current_faults()) == len(files.ids())
        assert compatibility.main(["--release"]) == 0
        assert compatibility.current_faults() == []
        assert released.read_text(encoding="utf-8") == (files.FOLDER / "released.json").read_text(
            encoding="utf-8"
        )
        rows = json.loads(released.read_text(encoding="utf-8"))
        rows[0]["fingerprint"] = "0" * 64
        released.write_text(json.dumps(rows), encoding="utf-8")
        files.released.cache_clear()
        assert compatibility.main(["--release"]) == 1
    finally:
        files.released.cache_clear()
