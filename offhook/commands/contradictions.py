"""Options of `analyze` that do not go together: what would be left without effect is refused."""

import argparse
from typing import Final

from offhook.errors import UsageError

_OPTIONS: Final = {
    "--explain": "explain",
    "--call": "call",
    "--audio": "audio",
    "-o": "output",
    "--anonymise": "anonymise",
    "--anonymise-key": "anonymise_key",
    "--messages": "messages",
    "--ascii": "ascii",
    "--db": "db",
    "--filter": "filter",
    "--rows": "rows",
    "--format": "format",
}
"""Those of which some exclude others, by their names in the parsed arguments."""

_DEFAULTS: Final = {"rows": "calls", "format": "table"}

_NEEDS_CALL: Final = {
    "--audio": "--audio needs --call: the sound of which call?",
    "--messages": "--messages goes with --call ID (--rows messages lists every message)",
    "--ascii": "--ascii draws one call: give --call ID too",
}


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Raises UsageError where an option needs another, or says what another one excludes."""
    given = {name for name, attribute in _OPTIONS.items() if _is_given(options, attribute)}
    if "--explain" not in given and "--call" not in given:
        for name in sorted(given & _NEEDS_CALL.keys()):
            raise UsageError(_NEEDS_CALL[name])
    if "--anonymise-key" in given and "--anonymise" not in given:
        raise UsageError("--anonymise-key is for --anonymise: give that too")
    if {"--anonymise", "--audio"} <= given:
        raise UsageError("--anonymise silences what was said, --audio writes it: leave one of them out")
    if "--anonymise" in given and not {"--call", "-o"} <= given and "--explain" not in given:
        raise UsageError("--anonymise masks one call as it is written: give --call ID and -o FILE too")
    does, fitting = _purpose(given)
    if wrong := [name for name in _OPTIONS if name in given and name not in fitting]:
        raise UsageError(f"{does}: leave out {' and '.join(wrong)}")


def _purpose(given: set[str]) -> tuple[str, set[str]]:
    """What is asked for in words, and the options that mean something for it."""
    if "--explain" in given:
        return "--explain reads the captures and says why", {"--explain", "--call", "--format", "-o"}
    if "--call" not in given:
        return "rows are listed", {"--db", "--filter", "--rows", "--format", "-o"}
    if "--audio" in given:
        return "--call ID --audio FILE writes the sound of one call", {"--call", "--audio", "-o"}
    if "-o" in given:
        fitting = {"--call", "-o", "--anonymise", "--anonymise-key"}
        return "--call ID -o FILE writes the packets of one call", fitting
    if "--format" in given:
        return "--call ID --format gives the record of one call", {"--call", "--format"}
    return "--call ID shows one call", {"--call", "--messages", "--ascii"}


def _is_given(options: argparse.Namespace, attribute: str) -> bool:
    value = getattr(options, attribute)
    return value not in (None, False, []) and value != _DEFAULTS.get(attribute)
