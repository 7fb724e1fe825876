"""The settings of all rooms, put together: defaults, voipmonitor.conf, offhook.toml, OFFHOOK_*, flags.

Later sources win. Every value remembers where it came from, and every key that is unknown or bad is a
`Problem` with file and line.
"""

import argparse
import os
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from capture.settings import CaptureSettings
from eventlog.kafka.settings import KafkaSettings
from eventlog.sqlite.settings import SqliteSettings
from offhook import voipmonitor_conf
from offhook.bounds import SETTINGS_FILE_BYTES
from offhook.errors import CommandError, UsageError
from sinks.settings import SinkSettings, StoreSettings
from streams.faust.settings import StreamsSettings
from streams.media.settings import MediaSettings
from streams.settings import CallSettings, RecordSettings


class OffhookSettings(msgspec.Struct, frozen=True):
    """What the command line itself can be told."""

    timezone: str = "UTC"
    """Time zone of tables and of times in filters: UTC, local, or an IANA name."""


SECTIONS: Final[dict[str, type[Any]]] = {
    "": OffhookSettings,
    "capture": CaptureSettings,
    "calls": CallSettings,
    "media": MediaSettings,
    "records": RecordSettings,
    "store": StoreSettings,
    "kafka": KafkaSettings,
    "sqlite": SqliteSettings,
    "streams": StreamsSettings,
    "sink": SinkSettings,
}
"""The rooms' settings by their section in offhook.toml; "" are the keys above the first section."""

NOT_SETTINGS: Final = frozenset(
    {
        "OFFHOOK_CONFIG",
        "OFFHOOK_VOIPMONITOR_CONF",
        "OFFHOOK_CACHE",
        "OFFHOOK_DB",
        "OFFHOOK_DB_PASSWORD",
        "OFFHOOK_DB_PASSWORD_FILE",
        "OFFHOOK_DB_TOKEN",
        "OFFHOOK_IMAGE",
        "OFFHOOK_SECRETS",
    }
)
"""Variables that say where things are, or hold a secret; they are no settings of a room."""

ALIASES: Final = {"SCHEMA_REGISTRY_URL": ("kafka", "schema_registry_url")}
"""Variables without our prefix, under the name that other programs of Kafka know."""

OF_ALL_STAGES: Final = frozenset({"sensor_gone_s", "lateness_max_s"})
"""Settings of the calls that hold for media too, unless media has its own."""

CHANNELS_MAX: Final = 2000
"""Calls in progress an account may have in a service, where nothing else is set."""

SECRET: Final = re.compile(r"(?:secret|password|token|private_key)$")
"""Keys whose values are never shown."""


class Setting(msgspec.Struct, frozen=True):
    """One value as a source gave it; `text` where the source knows text alone."""

    section: str
    key: str
    value: Any
    origin: str
    text: bool = False


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one setting, and where it stands."""

    origin: str
    what: str

    def __str__(self) -> str:
        """As one line."""
        return f"{self.origin}: {self.what}"


class Settings(msgspec.Struct, frozen=True):
    """Typed settings of every room, and where each came from (`capture.sip_ports`: `offhook.toml:3`)."""

    offhook: OffhookSettings = OffhookSettings()
    capture: CaptureSettings = msgspec.field(default_factory=CaptureSettings)
    calls: CallSettings = msgspec.field(default_factory=CallSettings)
    media: MediaSettings = msgspec.field(default_factory=MediaSettings)
    records: RecordSettings = msgspec.field(default_factory=RecordSettings)
    store: StoreSettings = msgspec.field(default_factory=StoreSettings)
    kafka: KafkaSettings = msgspec.field(default_factory=KafkaSettings)
    sqlite: SqliteSettings = msgspec.field(default_factory=SqliteSettings)
    streams: StreamsSettings = msgspec.field(default_factory=StreamsSettings)
    sink: SinkSettings = msgspec.field(default_factory=SinkSettings)
    origins: dict[str, str] = {}
    notes: list[str] = []


def load(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force; raises UsageError at the first problem."""
    settings, problems = collect(options, environment)
    if problems:
        raise UsageError(str(problems[0]))
    return settings


def with_channels(chosen: Settings) -> Settings:
    """As a service runs: with a limit of channels, where nobody said another."""
    if "records.channels_max" in chosen.origins:
        return chosen
    records = msgspec.structs.replace(chosen.records, channels_max=CHANNELS_MAX)
    return msgspec.structs.replace(chosen, records=records)


def collect(options: argparse.Namespace, environment: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """The settings from every source, and everything wrong with them."""
    problems: list[Problem] = []
    notes: list[str] = []
    found: dict[tuple[str, str], tuple[Any, str]] = {}
    for setting in _sources(options, environment, problems, notes):
        accepted = _accept(setting, problems)
        if accepted is not None:
            found[setting.section, setting.key] = (accepted, setting.origin)
    for key in OF_ALL_STAGES & {key for section, key in found if section == "calls"}:
        found.setdefault(("media", key), found["calls", key])
    rooms = {section: _build(section, found, problems) for section in SECTIONS}
    origins = {_full(section, key): origin for (section, key), (_, origin) in found.items()}
    return Settings(offhook=rooms.pop(""), origins=origins, notes=notes, **rooms), problems


def keys(section: str) -> dict[str, Any]:
    """The keys of a section and their types."""
    return {
        name: hint
        for name, hint in typing.get_type_hints(SECTIONS[section], include_extras=True).items()
        if not name.startswith("_") and typing.get_origin(hint) is not typing.ClassVar
    }


def _sources(
    options: argparse.Namespace, environment: Mapping[str, str], problems: list[Problem], notes: list[str]
) -> Iterator[Setting]:
    conf = getattr(options, "voipmonitor_conf", None) or environment.get("OFFHOOK_VOIPMONITOR_CONF")
    if conf:
        yield from _from_voipmonitor(Path(conf), notes)
    path = settings_file(getattr(options, "config", None), environment)
    if path is not None:
        yield from _from_toml(path, problems)
    yield from _from_environment(environment, problems)
    yield from _from_flags(options)


def settings_file(given: str | None, environment: Mapping[str, str]) -> Path | None:
    """The settings file: --config, else $OFFHOOK_CONFIG, else the first that exists of the usual places."""
    if named := given or environment.get("OFFHOOK_CONFIG"):
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "/")) / ".config")
    usual = (Path("offhook.toml"), Path(home) / "offhook" / "offhook.toml", Path("/etc/offhook/offhook.toml"))
    return next((path for path in usual if path.is_file()), None)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(SETTINGS_FILE_BYTES + 1)
        if len(data) > SETTINGS_FILE_BYTES:
            raise CommandError(f"{path}: longer than {SETTINGS_FILE_BYTES:,} bytes; that is no settings file")
        return data.decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: byte {error.start} is no UTF-8") from None


def _from_voipmonitor(path: Path, notes: list[str]) -> Iterator[Setting]:
    for read in voipmonitor_conf.read(_read(path)):
        where = f"{path}:{read.line}"
        if read.target is None or read.target[1] not in keys(read.target[0]):
            notes.append(f"{where}: {read.key}: {read.why_not or 'has no counterpart here'}")
        else:
            yield Setting(*read.target, read.value, where, text=isinstance(read.value, str))


def _from_toml(path: Path, problems: list[Problem]) -> Iterator[Setting]:
    import tomllib  # seldom needed, as difflib below

    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = _toml_place(str(error), text)
        problems.append(Problem(f"{path}:{line}", what))
        return
    for name, value in document.items():
        if not isinstance(value, dict):
            yield Setting("", name, value, f"{path}:{_line_of(text, '', name)}")
        elif name not in SECTIONS or not name:
            hint = _near(name, SECTIONS)
            problems.append(Problem(f"{path}:{_line_of(text, name, None)}", f"no section [{name}]{hint}"))
        else:
            for key, item in value.items():
                yield Setting(name, key, item, f"{path}:{_line_of(text, name, key)}")


def _toml_place(message: str, text: str) -> tuple[str, int]:
    found = re.search(r" \(at line (\d+), column \d+\)", message)
    if found is None:
        return message, text.count("\n") + 1
    return message.replace(found[0], ""), int(found[1])


def _line_of(text: str, section: str, key: str | None) -> int:
    """The line of a key (or of a section's head, for None); 1 where it is written in another way."""
    name, whole = re.escape(key or ""), re.escape(f"{section}.{key}")
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([\w\"'-]+)", line):
            inside = head[1].strip("\"'")
            if key is None and inside == section:
                return number
            continue
        pattern = rf"\s*[\"']?{name}[\"']?\s*=" if inside == section else rf"\s*{whole}\s*="
        if name and inside in ("", section) and re.match(pattern, line):
            return number
    return 1


def _from_environment(environment: Mapping[str, str], problems: list[Problem]) -> Iterator[Setting]:
    known = {variable(section, key): (section, key) for section in SECTIONS for key in keys(section)}
    known |= ALIASES
    for name, value in environment.items():
        if name not in ALIASES and (not name.startswith("OFFHOOK_") or name in NOT_SETTINGS):
            continue
        if name in known:
            yield Setting(*known[name], value, name, text=True)
        else:
            problems.append(Problem(name, f"no such setting{_near(name, known)}"))


def variable(section: str, key: str) -> str:
    """The environment variable of a setting: OFFHOOK_CAPTURE_SIP_PORTS."""
    return "_".join(part.upper() for part in ("offhook", section, key) if part)


def _from_flags(options: argparse.Namespace) -> Iterator[Setting]:
    for text in getattr(options, "set", []):
        name, equals, value = text.partition("=")
        section, _, key = name.strip().rpartition(".")
        if not equals:
            raise UsageError(f"--set {text}: write SECTION.KEY=VALUE, such as capture.sip_ports=5060")
        yield Setting(section, key, value.strip(), f"--set {name.strip()}", text=True)
    if ports := getattr(options, "sip_port", []):
        yield Setting("capture", "sip_ports", ",".join(ports), "--sip-port", text=True)
    if (expression := getattr(options, "wire_filter", None)) is not None:
        yield Setting("capture", "wire_filter", expression, "--filter", text=True)
    if servers := getattr(options, "bootstrap", None):
        yield Setting("kafka", "bootstrap_servers", servers, "--bootstrap", text=True)


def _accept(setting: Setting, problems: list[Problem]) -> Any | None:
    """The value in the type of its key; None and a problem where it does not fit."""
    name = _full(setting.section, setting.key)
    if setting.section not in SECTIONS or setting.key not in keys(setting.section):
        known = [_full(section, key) for section in SECTIONS for key in keys(section)]
        problems.append(Problem(setting.origin, f"no setting {name}{_near(name, known)}"))
        return None
    hint = keys(setting.section)[setting.key]
    try:
        value = _from_text(setting.value, hint) if setting.text else setting.value
        value = _with_ranges(value, setting.key)
        return msgspec.convert(value, hint, strict=not setting.text, str_keys=True)
    except (msgspec.ValidationError, ValueError) as error:
        given = "" if SECRET.search(setting.key) else f" = {setting.value!r}"
        problems.append(Problem(setting.origin, f"{name}{given}: {error}"))
        return None


def _from_text(text: str, hint: Any) -> Any:
    """Text as a list, a table (`a=b,c=d`) or a plain value, as the type asks."""
    kind = _container(hint)
    if kind is None:
        return text
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind is dict:
        pairs = (part.partition("=") for part in parts)
        return {name.strip(): value.strip() for name, _, value in pairs}
    return parts


def _container(hint: Any) -> type | None:
    for candidate in (hint, *typing.get_args(hint)):
        origin = typing.get_origin(candidate) or candidate
        if origin in (list, tuple, set, frozenset):
            return list
        if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
            return dict
    return None


def _with_ranges(value: Any, key: str) -> Any:
    """Port lists may have ranges: 5060-5080."""
    if not key.endswith("ports") or not isinstance(value, list):
        return value
    ports: list[int] = []
    for item in value:
        found = re.fullmatch(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", str(item))
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 0 < first <= last < 65_536:
            raise ValueError(f"'{item}' is no port or range of ports (1 to 65535)")
        ports.extend(range(first, last + 1))
    return ports


def _build(section: str, found: Mapping[tuple[str, str], tuple[Any, str]], problems: list[Problem]) -> Any:
    values = {key: value for (where, key), (value, _) in found.items() if where == section}
    try:
        return SECTIONS[section](**values)
    except (ValueError, TypeError) as error:
        origins = sorted(origin for (where, _), (_, origin) in found.items() if where == section)
        problems.append(Problem(", ".join(origins), f"[{section}]: {error}"))
        return SECTIONS[section]()


def _full(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _near(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close and close[0] else ""
