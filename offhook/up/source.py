"""Captures as a numbered sequence of batches, so that a restart knows what was published."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from capture.errors import CaptureError
from capture.files import open_capture
from capture.merge import merge
from capture.pace import Pace, paced
from capture.sensor import Batch, Sensor
from capture.settings import CaptureSettings
from offhook import __version__
from offhook.errors import CommandError, UsageError
from offhook.pipeline import ACCOUNT, SENSOR, SITE, STDIN

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


class FileSource:
    """The batches of captures. `published` says how many have been given so far, those skipped counted."""

    def __init__(self, run: Begun, speed: float | None, settings: CaptureSettings) -> None:
        """Open the captures; CaptureError."""
        self.sensor = Sensor(ACCOUNT, SITE, SENSOR, settings=settings)
        self.pace = Pace((speed or FAST) if run.ticks else None)
        self.published = 0
        self._source = merge([open_capture(file.path, sensor=SENSOR) for file in run.files])

    @property
    def warnings(self) -> list[str]:
        """Damage, a line each."""
        return self._source.warnings

    def after(self, published: int) -> Iterator[list[Batch]]:
        """The batches behind so many, when their time has come; empty lists while it goes there."""
        self.pace.skips = published > 0
        for batches in self._all():
            begin, self.published = self.published, self.published + len(batches)
            if self.published > published:
                self.pace.skips = False
            yield batches[max(0, published - begin) :]

    def _all(self) -> Iterator[list[Batch]]:
        for block, due in paced(self._source, self.pace):
            if block is not None:
                yield self.sensor.feed(block)
            if due:
                yield self.sensor.flush()
        yield self.sensor.close()
