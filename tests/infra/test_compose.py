"""The compose file: what is pinned, closed, limited and watched, and what the overlay may change."""

import re
from typing import Any, Final

import pytest

from tests.infra.files import INFRA, OVERLAY, PUBLISHED, read_yaml, services

RUN_ONCE: Final = {"topics", "sensor"}
OURS: Final = {"topics", "streams", "sink", "sensor", "wire"}
MAY_DIFFER: Final = {"image", "build"}
MAY_DIFFER_TOO: Final[dict[str, dict[str, Any]]] = {
    "kafka": {
        "environment": {
            "KAFKA_BROKER_SESSION_TIMEOUT_MS": 3000,
            "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": 500,
        }
    },
    "clickhouse": {"ulimits": None, "secrets": ["clickhouse_password"]},
    "grafana": {"profiles": ["registry-only"]},
}
"""What a stand-in needs beside its image; infra/compose.test.yaml says why."""


def test_the_overlay_changes_images_and_what_stand_ins_need_alone() -> None:
    overlay = read_yaml(OVERLAY)
    assert set(overlay) - {"services", "x-app"} == set()
    for name, changed in overlay["services"].items():
        more = {key: value for key, value in changed.items() if key not in MAY_DIFFER}
        assert more == MAY_DIFFER_TOO.get(name, {}), name
    assert set(overlay["services"]) == set(services())


@pytest.mark.parametrize("name", sorted(services()))
def test_an_image_is_pinned_and_can_be_replaced(name: str) -> None:
    image = services()[name]["image"]
    found = re.fullmatch(r"\$\{([A-Z]+_IMAGE):-([\w./-]+):([\w.-]+)\}", image)
    assert found, image
    if name in OURS:
        assert services()[name]["build"]["args"]["PYTHON_IMAGE"].startswith("${PYTHON_IMAGE:-python:3.11.")
    else:
        assert re.match(r"v?\d+\.\d+", found[3]), image


@pytest.mark.parametrize("name", sorted(services()))
def test_ports_are_published_on_the_loopback_alone(name: str) -> None:
    for port in services()[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)


@pytest.mark.parametrize("name", sorted(set(services()) - RUN_ONCE))
def test_a_service_is_watched_restarted_and_limited(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert "start_interval" not in service["healthcheck"]  # older engines refuse it
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_own_processes_have_no_rights_they_do_not_use(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_RAW"] if name == "wire" else [])
    assert "privileged" not in service


def test_no_password_stands_in_the_file() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"


def test_every_secret_is_used_and_says_what_to_do_where_it_is_missing() -> None:
    secrets = read_yaml(PUBLISHED)["secrets"]
    used = {
        entry if isinstance(entry, str) else entry["source"]
        for service in services().values()
        for entry in service.get("secrets", [])
    }
    assert used == set(secrets)
    for secret in secrets.values():
        assert secret["file"].startswith("${OFFHOOK_SECRETS:?run infra/init first")


def test_what_is_kept_lies_in_named_volumes_and_what_is_mounted_exists() -> None:
    volumes = read_yaml(PUBLISHED)["volumes"]
    used = set()
    for service in services().values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (INFRA / source).exists(), source
                assert mount.endswith(":ro"), mount
            elif not source.startswith("$"):
                used.add(source)
    assert used == set(volumes)


def test_nobody_starts_before_what_it_needs() -> None:
    found = services()
    for name in ("streams", "sink"):
        assert found[name]["depends_on"]["kafka"]["condition"] == "service_healthy"
        assert found[name]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
    assert found["sink"]["depends_on"]["clickhouse"]["condition"] == "service_healthy"
