"""Captures through the stages of one process: every batch is in the log before a stage takes it."""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from capture.sensor import Batch
from eventlog.sqlite.log import SqliteLog
from offhook.errors import CommandError
from offhook.health import HEALTH_S, HealthReports, drops_of, say
from offhook.settings import Settings
from offhook.up.source import Begun, FileSource, Source, WireSource, begun, begun_on_wire
from offhook.up.stages import RAW, Stages, forget_stages

OWNER: Final = "capture"
TRIM_S: Final = 5.0
"""Wall time between two looks for what everyone has read."""

_log = logging.getLogger(__name__)


class Published(msgspec.Struct, array_like=True):
    """How far a run over captures is, kept in the log with the batches themselves."""

    run: Begun
    batches: int
    ended: bool


_KEY: Final = b"published"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Published).decode


class Engine:
    """Publishes the captures of one run and drives the stages; `run` is for a thread of its own."""

    def __init__(
        self,
        log: SqliteLog,
        settings: Settings,
        files: Sequence[str],
        speed: float | None,
        *,
        interfaces: Sequence[str] = (),
        state: Path = Path(),
    ) -> None:
        """Take over what the log has; CommandError where another run is unfinished, CaptureError.

        `interfaces`: hear these, not files; `state`: where their sensor notes how far it came.
        """
        self.expired = 0
        self.finished = False
        """Whether everything was published and applied."""
        self._log = log
        wanted = None
        if interfaces:
            wanted = begun_on_wire(interfaces)
        elif files:
            wanted = begun(files, speed, settings.capture)
        self._published = self._begin(wanted, settings)
        self.source = self._source(interfaces, speed, settings, state)
        self.stages = Stages(log, settings)
        if files and self.source is None:
            _log.info(
                "these captures were taken before: nothing to do", extra={"fields": {"files": list(files)}}
            )
        self._trimmed = time.monotonic()

    def stop(self) -> None:
        """Wait for no packet time any more."""
        if self.source is not None:
            self.source.stop()

    def run(self, stop: threading.Event) -> None:
        """Publish and apply, to the end or until told to stop; all is saved then."""
        if self.source is not None and self._published is not None:
            health, reported = HealthReports(self.source.sensor, self.source.kind), time.monotonic()
            skipped = self._published.batches
            for batches in self.source.after(skipped):
                if stop.is_set() and self.source.comes_again:
                    break
                if not batches:
                    continue
                if self.source.comes_again and skipped and self._published.batches == skipped:
                    health.begin()
                self._publish(batches)
                health.published(batches)
                self.stages.take(batches)
                self._trim()
                if time.monotonic() - reported >= HEALTH_S:
                    reported = time.monotonic()
                    self._report(health, self.source)
            else:
                if self.source.comes_again:
                    self._publish([], ended=True)
                self._say_ended(self.source)
            if not self.source.skips:
                self._report(health, self.source)
            self.stages.save()
            self.source.close()
        if not stop.is_set():
            self.finished = True
        while not stop.wait(TRIM_S):
            self._trim()

    def _source(
        self, interfaces: Sequence[str], speed: float | None, settings: Settings, state: Path
    ) -> Source | None:
        if interfaces:
            return WireSource(interfaces, settings.capture, state)
        if self._published and not self._published.ended:
            return FileSource(self._published.run, speed, settings.capture)
        return None

    def _begin(self, wanted: Begun | None, settings: Settings) -> Published | None:
        found = self._log.state(OWNER).get(_KEY)
        before = None if found is None else _decode(found)
        if wanted is None:
            if before is not None and not before.ended:
                raise CommandError(f"{before.run} is not finished: start with {before.run.options}")
            return before
        if before is not None:
            if _same(before.run, wanted):
                return before
            if before.run.on_wire and not wanted.on_wire:
                raise CommandError(
                    f"this --state is of {before.run}, whose calls may still be open; take another"
                )
            if not before.ended:
                raise CommandError(
                    f"{before.run}: published up to batch {before.batches}, with other settings or content;"
                    " finish that first, or take another --state"
                )
            Stages(self._log, settings)  # applies what a death has left of the former run
            forget_stages(self._log)
        begins = Published(wanted, 0, ended=False)
        with self._log.transaction(OWNER) as step:
            step.save({_KEY: _encode(begins)})
        return begins

    def _publish(self, batches: Sequence[Batch], *, ended: bool = False) -> None:
        """Batches and how far that is, in one transaction."""
        assert self._published is not None
        self._published.batches += len(batches)
        self._published.ended = ended
        with self._log.transaction(OWNER) as step:
            for batch in batches:
                step.append(RAW[type(batch)], 0, b"", batch)
            step.save({_KEY: _encode(self._published)})

    def _report(self, health: HealthReports, source: Source) -> None:
        """Say how the sensor fares."""
        report = health.next(
            unsent_bytes=0, lag_ms=round(source.behind_s * 1000), warnings=source.warnings[-10:]
        )
        say(self._log, report)

    def _trim(self) -> None:
        """Forget what everyone has read, now and then."""
        if time.monotonic() - self._trimmed < TRIM_S:
            return
        trimmed = self._log.trim()
        if trimmed.unread and not self.expired:
            _log.warning("records expired unread", extra={"fields": {"records": trimmed.unread}})
        self.expired += trimmed.unread
        self._trimmed = time.monotonic()

    def _say_ended(self, source: Source) -> None:
        _log.info(
            "captures ended",
            extra={
                "fields": {
                    "packets": source.sensor.packets,
                    "drops": drops_of(source.sensor),
                    "batches": source.published,
                    "warnings": source.warnings[:10],
                }
            },
        )


def _same(before: Begun, wanted: Begun) -> bool:
    """Whether the same batches come; another speed alone is no other run, nor other interfaces."""
    if before.on_wire:
        return wanted.on_wire
    return msgspec.structs.replace(wanted, ticks=before.ticks) == before
