"""`offhook config show` and `config check`: the settings in force, and what is wrong with them."""

import argparse
import os
import sys
from typing import Any

from offhook import settings
from offhook.errors import DONE, FAILED
from offhook.text import clean


def run(options: argparse.Namespace) -> int:
    """Show or check; 1 where something is wrong."""
    chosen, problems = settings.collect(options, os.environ)
    for problem in problems:
        print(clean(f"offhook: {problem}"), file=sys.stderr)
    if options.action == "show":
        _show(chosen)
    for note in chosen.notes:
        print(clean(f"offhook: {note}"), file=sys.stderr)
    if options.action == "check" and not problems:
        print(_verdict(chosen))
    return FAILED if problems else DONE


def _show(chosen: settings.Settings) -> None:
    lines = []
    for section in settings.SECTIONS:
        values = getattr(chosen, section or "offhook")
        for key in settings.keys(section):
            name = f"{section}.{key}" if section else key
            shown = _value(key, getattr(values, key))
            lines.append((f"{name} = {shown}", chosen.origins.get(name, "default")))
    widest = min(60, max(len(text) for text, _ in lines))
    for text, origin in lines:
        print(clean(f"{text:<{widest}}  # {origin}"))


def _value(key: str, value: Any) -> str:
    """As offhook.toml writes it; secrets only say that they are set."""
    if value and settings.SECRET.search(key):
        return '"(hidden)"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset | set):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value("", item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value('', k)} = {_value('', v)}" for k, v in value.items()) + "}"
    if isinstance(value, int | float):
        return str(value)
    return '""' if value is None else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _verdict(chosen: settings.Settings) -> str:
    count = len(chosen.origins)
    return f"{count} setting{'' if count == 1 else 's'} read, nothing wrong"
