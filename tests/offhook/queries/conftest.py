"""One store of real calls and one of calls made by hand, filled once a process and never written again."""

from pathlib import Path
from typing import Any

import pytest

from schemas.cdr import CallRecord
from tests.offhook.queries.filling import analysed, captures, fill, made_up


@pytest.fixture(scope="session")
def real_rows() -> list[Any]:
    """Rows of the shared captures."""
    return analysed(captures())


@pytest.fixture(scope="session")
def real_store(real_rows: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of them."""
    path = tmp_path_factory.mktemp("real") / "store"
    fill(path, real_rows)
    return path


@pytest.fixture(scope="session")
def made_up_calls() -> list[CallRecord]:
    """Calls of three days."""
    return made_up(400)


@pytest.fixture(scope="session")
def made_up_store(made_up_calls: list[CallRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of them, some in an older version too that looks otherwise."""
    path = tmp_path_factory.mktemp("made-up") / "store"
    fill(path, made_up_calls)
    return path
