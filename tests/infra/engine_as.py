"""Runs statements in a store's engine with the rights of one user of infra/init's clickhouse_users.xml.

A process of its own, since an engine takes its users once: `python engine_as.py FOLDER USERS.XML USER`, the
statements as a JSON list on standard input; prints a JSON list of what came: null, or the error.
"""

import json
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from chdb import _chdb


def users_of_the_engine(source: Path, user: str) -> str:
    """The file as the embedded engine needs it: its only user is called `default` and has no password."""
    root = ET.parse(source).getroot()
    users = root.find("users")
    assert users is not None
    for found in list(users):
        if found.tag != user:
            users.remove(found)
        else:
            found.tag = "default"
            secret = found.find("password_sha256_hex")
            assert secret is not None
            secret.tag, secret.text = "password", ""
    profiles = root.find("profiles")
    assert profiles is not None
    ET.SubElement(profiles, "default")
    ET.SubElement(ET.SubElement(root, "quotas"), "default")
    return ET.tostring(root, encoding="unicode")


def main(folder: str, source: str, user: str) -> None:
    """Run what standard input says."""
    with tempfile.TemporaryDirectory() as private:
        path = Path(private) / "engine.xml"
        text = users_of_the_engine(Path(source), user)
        path.write_text(text.replace("<clickhouse>", f"<clickhouse><users_config>{path}</users_config>", 1))
        connection = _chdb.connect(f"{folder}?config-file={path}")  # type: ignore[attr-defined]
        answers: list[str | None] = []
        for statement in json.load(sys.stdin):
            try:
                connection.query(statement, "TSV", params={})
                answers.append(None)
            except RuntimeError as error:
                answers.append(str(error))
        connection.close()
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
