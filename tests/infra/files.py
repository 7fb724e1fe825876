"""What the tests of infra read: the compose files, dashboards, rules and units as they are shipped."""

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from tests.paths import ROOT

INFRA: Final = ROOT / "infra"
PUBLISHED: Final = INFRA / "compose.yaml"
OVERLAY: Final = INFRA / "compose.test.yaml"
DASHBOARDS: Final = sorted((INFRA / "grafana" / "dashboards").glob("*.json"))
METRIC: Final = re.compile(r"\boffhook_\w+")


class _Loader(yaml.SafeLoader):
    """YAML with compose's `!reset`: what the overlay takes out is None."""


_Loader.add_constructor("!reset", lambda _loader, _node: None)


def read_yaml(path: Path) -> Any:
    """A YAML file."""
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


def services(path: Path = PUBLISHED) -> dict[str, dict[str, Any]]:
    """The services of a compose file, anchors resolved."""
    found: dict[str, dict[str, Any]] = read_yaml(path)["services"]
    return found


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard that ask something."""
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def targets(kind: str) -> list[tuple[str, str]]:
    """Every question of that kind ("rawSql", "expr"), with the panel that asks."""
    return [
        (f"{path.stem}: {panel['title']}", target[kind])
        for path in DASHBOARDS
        for panel in panels(path)
        for target in panel["targets"]
        if kind in target
    ]
