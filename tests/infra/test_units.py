"""The systemd units run commands that there are, as nobody, with secrets by credential."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from offhook.errors import USAGE
from offhook.main import main
from tests.infra.files import INFRA

UNITS: Final = sorted((INFRA / "systemd").glob("*.service"))
INSTANCE: Final = {"%i": "1", "%H": "host", "%d": "/run/credentials/x"}
VARIABLES: Final = {
    "${FILE}": "/captures/a.pcap",
    "$INTERFACE": "eth1 eth2",
    "${HTTP}": "127.0.0.1:9130",
    "${SENSOR}": "s",
    "${ACCOUNT}": "a",
    "${SITE}": "p",
    "${SPEED}": "1",
    "${DB}": "clickhouse://offhook@db.example:8443/offhook?secure=1",
    "$UP_OPTIONS": "",
}


def keys(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.M):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_the_command_is_one_of_ours(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = keys(path)["ExecStart"]
    for name, value in (INSTANCE | VARIABLES).items():
        command = command.replace(name, value)
    program, *arguments = shlex.split(command)
    assert program == "/opt/offhook/bin/offhook"
    assert "$" not in command
    assert "%" not in command
    assert main([*arguments, "--no-such-option"]) == USAGE
    assert capsys.readouterr().err.rstrip().endswith("unrecognized arguments: --no-such-option")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_service_is_confined(path: Path) -> None:
    found = keys(path)
    assert found["User"] == ["offhook"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["NoNewPrivileges"] == ["yes"]
    rights = ["CAP_NET_RAW"] if path.stem == "offhook-wire@" else [""]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == rights
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert found["MemoryMax"]
    assert int(found["TimeoutStopSec"][0]) > 10  # a worker ends within 10 s


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_secrets_come_as_credentials(path: Path) -> None:
    found = keys(path)
    given = {credential.split(":")[0] for credential in found["LoadCredential"]}
    named = set(re.findall(r"=%d/(\w+)", " ".join(found["Environment"])))
    assert named <= given
    assert not re.search(r"PASSWORD=|TOKEN=", path.read_text())


def test_the_user_is_made() -> None:
    assert re.search(r"^u offhook ", (INFRA / "systemd" / "offhook.sysusers").read_text(), re.M)
