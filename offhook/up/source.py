"""Captures as a numbered sequence of batches, so that a restart knows what was published; and the wire."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from capture.errors import CaptureError
from capture.files import open_capture
from capture.merge import merge
from capture.pace import Pace, paced
from capture.sensor import Batch, Sensor
from capture.settings import CaptureSettings
from capture.wire.listening import Listening
from offhook import __version__
from offhook.errors import CommandError, UsageError
from offhook.health import wire_samples
from offhook.inputs import SENSOR
from offhook.monitoring.metrics import Sample
from offhook.pipeline import ACCOUNT, SITE
from offhook.stdin_end import STDIN

INTERFACE: Final = "interface:"
"""Before the name of an interface, where a file has its path."""

FAST: Final = 1e9
"""A speed that never waits but cuts batches as a paced capture does."""


class CaptureFile(msgspec.Struct, frozen=True, array_like=True):
    """A capture as it was when its first batch was published."""

    path: str
    size: int
    changed_ns: int


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """What a run over captures is: with the same of it, the same batches come again."""

    files: tuple[CaptureFile, ...]
    ticks: bool  # cut every 200 ms, as for a pace
    settings: str

    def __str__(self) -> str:
        """For the reader of an error."""
        return ", ".join(file.path for file in self.files)

    @property
    def options(self) -> str:
        """How to start with it."""
        names = [file.path.removeprefix(INTERFACE) for file in self.files]
        return " ".join(["--interface" if self.on_wire else "--file", *names])

    @property
    def on_wire(self) -> bool:
        """Whether it hears interfaces."""
        return any(file.path.startswith(INTERFACE) for file in self.files)


def begun(paths: Sequence[str], speed: float | None, settings: CaptureSettings) -> Begun:
    """What a run over these files would be; CommandError where one is no file that can be read again."""
    files = []
    for path in paths:
        if path == STDIN:
            raise UsageError("standard input cannot be read again after a restart; give --file a file")
        try:
            found = Path(path).resolve(strict=True)
            status = found.stat()
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror}") from None
        if not found.is_file():
            raise CommandError(f"{path}: cannot be read again after a restart; give --file a file")
        files.append(CaptureFile(str(found), status.st_size, status.st_mtime_ns))
    return Begun(tuple(files), speed is not None, f"{__version__} {settings}")


def begun_on_wire(interfaces: Sequence[str]) -> Begun:
    """What a run over interfaces is: it goes on with whatever settings."""
    return Begun(tuple(CaptureFile(f"{INTERFACE}{name}", 0, 0) for name in interfaces), True, "")


class Source(Protocol):
    """Where batches come from. `published` says how many have been given so far, those skipped counted."""

    sensor: Sensor
    published: int
    kind: str  # as `capture.health` calls it
    comes_again: bool  # the same batches, after a restart

    @property
    def warnings(self) -> list[str]:
        """Damage, a line each."""

    @property
    def behind_s(self) -> float:
        """How far it is behind what was captured."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be heard."""

    @property
    def skips(self) -> bool:
        """Whether what comes next was published before."""

    def after(self, published: int) -> Iterator[list[Batch]]:
        """The batches behind so many, when their time has come; empty lists while it goes there."""

    def samples(self) -> Iterator[Sample]:
        """Metrics of its own."""

    def stop(self) -> None:
        """Give no more soon."""

    def close(self) -> None:
        """Let go of what is heard."""


class FileSource:
    """The batches of captures (the Source protocol)."""

    kind = "file"
    comes_again = True
    trouble = None

    def __init__(self, run: Begun, speed: float | None, settings: CaptureSettings) -> None:
        """Open the captures; CaptureError."""
        self.sensor = Sensor(ACCOUNT, SITE, SENSOR, settings=settings)
        self._pace = Pace((speed or FAST) if run.ticks else None)
        self.published = 0
        self._source = merge([open_capture(file.path, sensor=SENSOR) for file in run.files])

    @property
    def warnings(self) -> list[str]:
        """Damage, a line each."""
        return self._source.warnings

    @property
    def behind_s(self) -> float:
        """See Source."""
        return self._pace.behind_s

    @property
    def skips(self) -> bool:
        """See Source."""
        return self._pace.skips

    def stop(self) -> None:
        """Wait for no packet time any more."""
        self._pace.stop()

    def close(self) -> None:
        """Nothing is held."""

    def samples(self) -> Iterator[Sample]:
        """None."""
        return iter(())

    def after(self, published: int) -> Iterator[list[Batch]]:
        """See Source."""
        self._pace.skips = published > 0
        for batches in self._all():
            begin, self.published = self.published, self.published + len(batches)
            if self.published > published:
                self._pace.skips = False
            yield batches[max(0, published - begin) :]

    def _all(self) -> Iterator[list[Batch]]:
        for block, due in paced(self._source, self._pace):
            if block is not None:
                yield self.sensor.feed(block)
            if due:
                yield self.sensor.flush()
        yield self.sensor.close()


class WireSource:
    """What is heard at interfaces (the Source protocol); nothing of it comes again."""

    kind = "interface"
    comes_again = False
    skips = False

    def __init__(self, interfaces: Sequence[str], settings: CaptureSettings, state: Path) -> None:
        """Begin to hear; CaptureError."""
        self._listening = Listening(ACCOUNT, SITE, SENSOR, interfaces, settings, state)
        self.sensor = self._listening.sensor
        self.published = 0

    @property
    def warnings(self) -> list[str]:
        """What is not as it should be."""
        return self._listening.warnings

    @property
    def trouble(self) -> str | None:
        """See Source."""
        return self._listening.trouble

    @property
    def behind_s(self) -> float:
        """See Source."""
        return self._listening.behind_s

    def after(self, published: int) -> Iterator[list[Batch]]:
        """What is heard from now on, until it is told to stop."""
        self.published = published
        for batches in self._listening.batches():
            self._listening.published()  # a taker that asks for more has kept what it was given
            self.published += len(batches)
            yield batches

    def stop(self) -> None:
        """See Source."""
        self._listening.stop()

    def close(self) -> None:
        """See Source."""
        self._listening.close()

    def samples(self) -> Iterator[Sample]:
        """Of its interfaces."""
        return wire_samples(self._listening)
