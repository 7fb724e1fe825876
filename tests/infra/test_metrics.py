"""Dashboards and alerts ask for metrics that there are, by labels that they have."""

import json
import re
from typing import Any, Final

import pytest

from offhook.monitoring.metrics import METRICS
from tests.infra.files import DASHBOARDS, INFRA, METRIC, read_yaml, services, targets

RULES: Final[list[dict[str, Any]]] = [
    rule for group in read_yaml(INFRA / "prometheus" / "rules.yml")["groups"] for rule in group["rules"]
]
SHOWN: Final = {
    f"{name}_total" if metric.kind == "counter" else name: metric for name, metric in METRICS.items()
}
ASKED: Final = [*targets("expr"), *((rule["alert"], rule["expr"]) for rule in RULES)]
OF_PROMETHEUS: Final = {"instance", "job", "le"}


@pytest.mark.parametrize(("who", "expression"), ASKED, ids=[who for who, _ in ASKED])
def test_what_is_asked_exists_with_its_labels(who: str, expression: str) -> None:
    names = METRIC.findall(expression)
    assert set(names) <= set(SHOWN), who
    labels = set(OF_PROMETHEUS).union(*(SHOWN[name].labels for name in names))
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= labels, who
    for name, matched in re.findall(r"(offhook_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", matched)) <= OF_PROMETHEUS | set(SHOWN[name].labels), who
    for name in re.findall(r"(?:rate|increase)\((offhook_\w+)", expression):
        assert SHOWN[name].kind == "counter", who


def test_the_figures_promised_are_on_the_dashboards() -> None:
    titles = " ".join(
        panel["title"] for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]
    )
    for figure in (
        "Calls per second",
        "Concurrent calls against the limit",
        "ASR",
        "ACD",
        "MOS",
        "Loss",
        "Lag",
        "Drops",
    ):
        assert figure in titles


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "action"}
    said = " ".join(rule["annotations"].values())
    grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
    for label in re.findall(r"\$labels\.(\w+)", said):
        assert not grouped or any(label in names for names in grouped), label


def test_prometheus_asks_what_the_stack_runs() -> None:
    jobs = {
        job["job_name"]: job for job in read_yaml(INFRA / "prometheus" / "prometheus.yml")["scrape_configs"]
    }
    for name in ("streams", "sink"):
        (where,) = jobs[name]["dns_sd_configs"]
        assert where["names"] == [name]
        assert f"0.0.0.0:{where['port']}" in services()[name]["command"]


def test_panels_of_a_dashboard_have_their_own_ids_and_do_not_overlap() -> None:
    for path in DASHBOARDS:
        found = json.loads(path.read_text())["panels"]
        assert len({panel["id"] for panel in found}) == len(found)
        taken: set[tuple[int, int]] = set()
        for panel in found:
            at = panel["gridPos"]
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells
