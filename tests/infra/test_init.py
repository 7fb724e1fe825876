"""infra/init: random passwords, closed to others, kept when it runs again."""

import hashlib
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.infra.files import INFRA

PASSWORDS = ("kafka_password", "clickhouse_password", "clickhouse_grafana_password", "grafana_password")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    shutil.copy(INFRA / "init", tmp_path / "init")
    subprocess.run([tmp_path / "init"], check=True, capture_output=True)
    return tmp_path


def test_passwords_are_random_and_closed_to_others(stack: Path) -> None:
    folder = stack / "secrets"
    made = {(folder / name).read_text() for name in PASSWORDS}
    assert len(made) == len(PASSWORDS)
    assert all(len(password) == 48 and password.isalnum() for password in made)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (stack / ".env").stat().st_mode & 0o777 == 0o600
    assert (stack / ".env").read_text() == "OFFHOOK_SECRETS=./secrets\n"


def test_what_exists_is_kept(stack: Path) -> None:
    before = {path.name: path.read_text() for path in (stack / "secrets").iterdir()}
    subprocess.run([stack / "init"], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (stack / "secrets").iterdir()} == before


def test_a_password_that_was_deleted_is_made_anew(stack: Path) -> None:
    old = (stack / "secrets" / "grafana_password").read_text()
    (stack / "secrets" / "grafana_password").unlink()
    subprocess.run([stack / "init"], check=True, capture_output=True)
    assert (stack / "secrets" / "grafana_password").read_text() != old


def test_nothing_secret_is_printed(stack: Path) -> None:
    for path in (stack / "secrets").iterdir():
        path.unlink()
    done = subprocess.run([stack / "init"], check=True, capture_output=True, text=True)
    for name in PASSWORDS:
        assert (stack / "secrets" / name).read_text() not in done.stdout + done.stderr


def test_kafka_and_clickhouse_know_the_passwords(stack: Path) -> None:
    folder = stack / "secrets"
    kafka = (folder / "kafka_password").read_text()
    assert f'user_offhook="{kafka}";' in (folder / "kafka_jaas.conf").read_text()
    users = ET.parse(folder / "clickhouse_users.xml").getroot()
    for user, name in (("offhook", "clickhouse_password"), ("grafana", "clickhouse_grafana_password")):
        wanted = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert users.findtext(f"users/{user}/password_sha256_hex") == wanted
    assert users.find("users/default").attrib == {"remove": "remove"}  # type: ignore[union-attr]
    assert not any(element.tag == "password" for element in users.iter())


def test_passwords_elsewhere_leave_the_stack_alone(stack: Path, tmp_path: Path) -> None:
    (stack / ".env").unlink()
    subprocess.run([stack / "init", tmp_path / "elsewhere"], check=True, capture_output=True)
    assert (tmp_path / "elsewhere" / "kafka_password").exists()
    assert not (stack / ".env").exists()
