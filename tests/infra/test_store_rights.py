"""The users that infra/init gives ClickHouse, and what Grafana asks it, in ClickHouse's own engine.

`offhook` can make its tables and write; `grafana` can ask what the dashboards ask, and change nothing.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from offhook import demo
from sinks.clickhouse.migrations import MIGRATIONS
from tests.infra import engine_as
from tests.infra.files import INFRA, panels, targets
from tests.paths import ROOT

MACROS: Final = (
    (re.compile(r"\$__timeFilter\((\w+)\)"), r"(\1 >= toDateTime(1) AND \1 <= toDateTime(4000000000))"),
    (re.compile(r"\$__timeInterval\((\w+)\)"), r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)"),
    (re.compile(r"\$__interval_s"), "60"),
    (re.compile(r"\$__conditionalAll\(([^$]*\$\{\w+:singlequote\}\)), \$\w+\)"), r"\1"),
    (re.compile(r"\$\{\w+:singlequote\}"), "'local', 'x'"),
)
"""What Grafana's plug-in makes of its macros, with an account and a site chosen."""


def expanded(text: str) -> str:
    for macro, made in MACROS:
        text = macro.sub(made, text)
    assert "$" not in text, text
    return text


QUESTIONS: Final = [(panel, expanded(text)) for panel, text in targets("rawSql")]


class Engine:
    """The engine of one folder, asked as one user or another."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(INFRA / "init", folder / "init")
        subprocess.run([folder / "init"], check=True, capture_output=True)
        self._users = folder / "secrets" / "clickhouse_users.xml"
        self.store = folder / "store"

    def run(self, user: str, statements: Sequence[str]) -> list[str | None]:
        command = [sys.executable, engine_as.__file__, str(self.store), str(self._users), user]
        done = subprocess.run(
            command, input=json.dumps(statements), capture_output=True, text=True, check=True
        )
        answers: list[str | None] = json.loads(done.stdout)
        return answers


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("rights")
    demo.main([str(folder)])
    engine = Engine(folder)
    command = [
        sys.executable,
        "-m",
        "offhook.main",
        "analyze",
        str(folder / "calls.pcap"),
        "--db",
        str(engine.store),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return engine


def test_the_sink_can_make_its_tables_and_nothing_elsewhere(engine: Engine) -> None:
    again = [statement for migration in MIGRATIONS for statement in migration.forward]
    ours = [
        "CREATE DATABASE IF NOT EXISTS offhook",
        "USE offhook",
        *again,
        "SELECT count() FROM system.settings",
    ]
    foreign = ["CREATE DATABASE other", "SELECT * FROM file('/etc/passwd', 'LineAsString')"]
    answers = engine.run("offhook", [*ours, *foreign])
    assert answers[: len(ours)] == [None] * len(ours)
    assert all(answer and "Not enough privileges" in answer for answer in answers[len(ours) :])


def test_grafana_reads_and_changes_nothing(engine: Engine) -> None:
    reading = ["SELECT count() FROM offhook.calls"]
    changing = [
        "TRUNCATE TABLE offhook.cdr",
        "ALTER TABLE offhook.cdr DELETE WHERE 1",
        "DROP DATABASE offhook",
    ]
    answers = engine.run("grafana", [*reading, *changing])
    assert answers[0] is None
    assert all(answer and re.search("readonly|Not enough privileges", answer) for answer in answers[1:])


def test_every_question_of_the_dashboards_has_an_answer(engine: Engine) -> None:
    answers = engine.run("grafana", ["USE offhook", *(text for _, text in QUESTIONS)])
    assert answers[0] is None
    wrong = {panel: answer for (panel, _), answer in zip(QUESTIONS, answers[1:], strict=True) if answer}
    assert not wrong


def test_questions_are_asked_of_the_store_and_metrics_of_prometheus() -> None:
    for path in sorted((INFRA / "grafana" / "dashboards").glob("*.json")):
        for panel in panels(path):
            for target in panel["targets"]:
                wanted = "offhook-store" if "rawSql" in target else "offhook-metrics"
                assert target["datasource"]["uid"] == wanted, panel["title"]
