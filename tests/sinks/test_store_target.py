"""What --db may say, and that a password is never said back."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from sinks.clickhouse.client import open_store
from sinks.clickhouse.errors import OutOfReachError, StoreError
from sinks.clickhouse.target import Folder, Server, parse_target

SECRET = "s3cr3t-pass"


def server(text: str, environment: Mapping[str, str] | None = None) -> Server:
    target = parse_target(text, environment or {})
    assert isinstance(target, Server)
    return target


def test_a_path_is_a_folder() -> None:
    assert parse_target("some/calls.db", {}) == Folder(Path("some/calls.db"))


def test_a_url_names_user_port_and_database() -> None:
    target = server("clickhouse://ann@db.example.org:9123/calls")
    assert (target.host, target.port, target.user, target.database) == (
        "db.example.org",
        9123,
        "ann",
        "calls",
    )
    assert not target.secure


def test_a_short_url_has_defaults() -> None:
    target = server("clickhouse://db.example.org")
    assert (target.port, target.user, target.database) == (8123, "default", "offhook")


def test_tls_is_asked_for() -> None:
    target = server("clickhouse://ann@[::1]/calls?secure=1&ca=/etc/ca.pem&verify=0")
    assert (target.host, target.port, target.secure, target.verify, target.ca) == (
        *("::1", 8443, True, False),
        "/etc/ca.pem",
    )


def test_the_password_comes_from_file_then_environment_then_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("of-file\n")
    url = f"clickhouse://ann:of-url@db/{''}"
    assert server(url).password == "of-url"
    assert server(url, {"OFFHOOK_DB_PASSWORD": "of-variable"}).password == "of-variable"
    environment = {"OFFHOOK_DB_PASSWORD": "of-variable", "OFFHOOK_DB_PASSWORD_FILE": str(file)}
    assert server(url, environment).password == "of-file"
    assert server(f"{url}?password_file={file}").password == "of-file"


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none: No such file or directory"):
        server(f"clickhouse://db?password_file={tmp_path}/none")


@pytest.mark.parametrize(
    "text",
    [
        f"clickhouse://ann:{SECRET}@db?nothing=1",
        f"clickhouse://ann:{SECRET}@db:99999/x",
        f"clickhouse:/ann:{SECRET}@db/x",
        f"clickhouse:ann:{SECRET}@db",
        f"clickhouse://ann:{SECRET}@/x",
        f"clickhouse://ann:{SECRET}@db?secure=perhaps",
        f"clickhouse://ann:{SECRET}@db?password_file=/none/at/all",
        f"postgres://ann:{SECRET}@db/x",
    ],
)
def test_a_bad_url_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(StoreError) as refusal:
        parse_target(text, {})
    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_target_shows_no_password() -> None:
    target = server(f"clickhouse://ann:{SECRET}@db:8123/x")
    assert str(target) == "clickhouse://ann@db:8123/x"
    assert SECRET not in repr(target)


def test_a_server_that_does_not_answer_is_worth_another_try() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = closed.getsockname()[1]
        with pytest.raises(OutOfReachError) as refusal:
            open_store(f"clickhouse://ann:{SECRET}@127.0.0.1:{port}/x")
    assert str(refusal.value) == f"clickhouse://ann@127.0.0.1:{port}/x: no answer: Connection refused"
