"""Records as the dictionaries that Avro libraries read and write, by walking the schema.

For values of older schema versions, which fastavro reads into today's schema, and for the tests: what is
written every day goes through schemas.codecs.compiled.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = Any
Classes = Mapping[str, type]

NAMESPACE: Final = "offhook."


def to_data(value: Any, schema: Schema, classes: Classes) -> Any:
    """A value as fastavro takes it: records as dictionaries, a record of a union with its full name."""
    kind = _kind(schema)
    if kind == "union":
        if value is None:
            return None
        if schema[0] == "null":
            return to_data(value, schema[1], classes)
        branch = next(part for part in schema if classes[part["name"]] is type(value))
        return NAMESPACE + branch["name"], to_data(value, branch, classes)
    if kind == "array":
        return [to_data(item, schema["items"], classes) for item in value]
    if kind != "record":
        return value
    fields = schema["fields"]
    if isinstance(value, tuple):
        value = dict(zip((field["name"] for field in fields), value, strict=True))
    get = value.__getitem__ if isinstance(value, dict) else lambda name: getattr(value, name)
    return {field["name"]: to_data(get(field["name"]), field["type"], classes) for field in fields}


def from_data(data: Any, schema: Schema, classes: Classes) -> Any:
    """The value of what fastavro reads (return_record_name_override=True)."""
    kind = _kind(schema)
    if kind == "union":
        if data is None:
            return None
        if schema[0] == "null":
            return from_data(data, schema[1], classes)
        name, data = data
        branch = next(part for part in schema if NAMESPACE + part["name"] == name)
        return from_data(data, branch, classes)
    if kind == "array":
        return [from_data(item, schema["items"], classes) for item in data]
    if kind != "record":
        return data
    fields = {
        field["name"]: from_data(data[field["name"]], field["type"], classes) for field in schema["fields"]
    }
    made = classes.get(schema["name"], dict)
    return tuple(fields.values()) if made is tuple else made(**fields)


def with_names_resolved(schema: Schema, named: dict[str, Schema] | None = None) -> Schema:
    """The schema with every later mention of a record's name replaced by the record."""
    named = {} if named is None else named
    if isinstance(schema, str):
        return named.get(schema, schema)
    if isinstance(schema, list):
        return [with_names_resolved(part, named) for part in schema]
    if schema["type"] == "record":
        whole = named[schema["name"]] = dict(schema)
        whole["fields"] = [
            field | {"type": with_names_resolved(field["type"], named)} for field in schema["fields"]
        ]
        return whole
    inside = {
        part: with_names_resolved(schema[part], named) for part in ("items", "values") if part in schema
    }
    return schema | inside


def _kind(schema: Schema) -> str:
    if isinstance(schema, list):
        return "union"
    kind: str = schema if isinstance(schema, str) else schema["type"]
    return kind
