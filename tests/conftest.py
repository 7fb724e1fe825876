"""Settings of the property tests, and the broker of the run.

CI takes the same examples every time, elsewhere each run looks further.
"""

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kafka_broker import Kafka, end_shared_broker, shared_broker

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

RUN_FOLDER = "TEST_RUN_FOLDER"
"""Variable with the folder that all processes of a run share; made by the one that started the others."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[RUN_FOLDER] = str(Path(tempfile.gettempdir()) / f"offhook-tests-{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        folder = Path(os.environ[RUN_FOLDER])
        end_shared_broker(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka() -> Kafka:
    """The run's broker."""
    folder = Path(os.environ[RUN_FOLDER])
    folder.mkdir(exist_ok=True)
    return shared_broker(folder)


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."
