"""One round: traffic, deaths at random moments, and the verdict."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tests.harness.installations import SESSION_S, WORKERS, Embedded, Installation, OverKafka
from tests.harness.processes import Process
from tests.harness.traffic import Traffic
from tests.harness.verdict import Verdict, judge

LOOK_S: Final = 0.1
STORED_LOOK_S: Final = 0.5
READY_S: Final = 120.0
DRAIN_S: Final = 180.0
"""How long all may take to be stored after the last packet, on a busy machine."""

STOP_S: Final = 12.0

FOLLOWS_S: Final = 3.0
"""Packet time by which the store may lie behind the capture and still follow, 1 s for the sensor's buffer.
No recovery is shorter, as what was heard after the death is looked for."""

PAUSE: Final = "pause"
KINDS: Final = ("capture", *WORKERS, "sink", "clickhouse", "broker", PAUSE)
FENCED: Final = 75
"""How a worker ends that was paused past its session."""

AWAY: Final = (1, 80)
"""How a worker or a capture ends that finds no broker when it starts or shares partitions out."""


class Load(msgspec.Struct, frozen=True):
    """How much traffic, for how long."""

    in_progress: int = 200
    arrivals_s: int = 45
    call_s: int = 12


class Deed(msgspec.Struct, frozen=True):
    """What is done to a part, so long after the first packet."""

    at_s: float
    part: str
    paused_s: float = 0.0

    def __str__(self) -> str:
        """As `w0@17.2`, `w1~6@20.1` where it was paused."""
        return f"{self.part}{f'~{self.paused_s:.0f}' if self.paused_s else ''}@{self.at_s:.1f}"


class Round(msgspec.Struct):
    """What came of a round."""

    seed: int
    mode: str
    in_progress: int
    deeds: list[Deed]
    verdict: Verdict
    recovery_s: dict[str, float]
    """From a death until the store follows the packets again; the longest of each part."""
    faults: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return self.verdict.good and not self.faults


def plan(rng: random.Random, mode: str, first_s: float, last_s: float, kinds: list[str] | None) -> list[Deed]:
    """What will be done, and when."""
    if kinds is None:
        count = rng.randint(4, 7)
        kinds = rng.sample(KINDS, count) if mode == "kafka" else ["up"] * rng.randint(3, 6)
    deeds = []
    for kind in kinds:
        at_s = rng.uniform(first_s, last_s)
        if kind == PAUSE:
            deeds.append(Deed(at_s, rng.choice(WORKERS), SESSION_S + rng.uniform(1.0, 3.0)))
        else:
            deeds.append(Deed(at_s, kind))
    return sorted(deeds, key=lambda deed: deed.at_s)


def play(
    seed: int,
    mode: str,
    load: Load,
    *,
    kinds: list[str] | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Round:
    """Play a round; `keep`: a folder for its files, made anew, which are otherwise forgotten."""
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        traffic = Traffic(folder, load.in_progress, load.arrivals_s, load.call_s, seed)
        deeds = plan(random.Random(seed), mode, traffic.full_s, traffic.ebb_s, kinds)
        say(f"{traffic.in_progress} calls in progress; {' '.join(map(str, deeds))}")
        made = OverKafka(folder, traffic.path) if mode == "kafka" else Embedded(folder, traffic.path)
        with closing(made):
            return _Play(made, traffic, deeds, say).run(seed, mode)


class _Play:
    def __init__(
        self, made: Installation, traffic: Traffic, deeds: list[Deed], say: Callable[[str], None]
    ) -> None:
        self._made, self._traffic, self._deeds, self._say = made, traffic, deeds, say
        self._clock_s = 0.0
        self._open: list[tuple[str, float, float]] = []
        """Deaths from which the store has not recovered: part, wall time, packet time."""
        self._recovery: dict[str, float] = {}
        self._looked = 0.0
        self._waking: list[tuple[float, Process]] = []
        self._faults: list[str] = []

    def run(self, seed: int, mode: str) -> Round:
        """Start, do the deeds, drain, judge."""
        self._start()
        for deed in self._deeds:
            self._until(partial(self._reached, deed.at_s), 300, f"packet {deed.at_s:.1f}")
            self._do(deed)
        count = len(self._traffic.truth)
        self._until(lambda: not self._waking and not self._open, DRAIN_S, "the store follows")
        self._until(lambda: self._made.stored() == count, 60 + DRAIN_S, "all calls are stored")
        verdict = self._settled()
        self._end()
        self._hold_exits()
        return Round(
            seed, mode, self._traffic.in_progress, self._deeds, verdict, self._recovery, self._faults
        )

    def _start(self) -> None:
        made = self._made
        if isinstance(made, OverKafka):
            capture = made.parts.pop("capture")  # comes when the others are ready
            self._until(lambda: made.ready() and made.stored() is not None, READY_S, "ready")
            made.parts["capture"] = capture
        self._until(lambda: self._clock_s > 0, READY_S, "the first packet")

    def _reached(self, at_s: float) -> bool:
        return self._clock_s >= self._traffic.first_s + at_s

    def _do(self, deed: Deed) -> None:
        part = self._made.parts[deed.part]
        number = signal.SIGSTOP if deed.paused_s else signal.SIGKILL
        now = time.monotonic()
        if not part.send(number):
            self._say(f"{deed}: was dead already")
            return
        self._open.append((deed.part + ("~" if deed.paused_s else ""), now, self._clock_s))
        if deed.paused_s:
            assert isinstance(part, Process)
            self._waking.append((now + deed.paused_s, part))

    def _until(self, true: Callable[[], bool], limit_s: float, what: str) -> None:
        """Tend the parts until it is true; a fault where it does not become so."""
        until = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > until:
                self._faults.append(f"not within {limit_s:.0f} s: {what}")
                return
            self._tend()
            time.sleep(LOOK_S)

    def _tend(self) -> None:
        self._made.tend()
        now = time.monotonic()
        for at, process in [each for each in self._waking if each[0] <= now]:
            process.send(signal.SIGCONT)
            self._waking.remove((at, process))
        if now - self._looked >= STORED_LOOK_S:
            self._looked = now
            clock_s = self._made.clock_s()
            self._clock_s = max(self._clock_s, clock_s or 0.0)
            if self._open:
                self._see_recovery()

    def _see_recovery(self) -> None:
        stored, ended = self._made.stored(), self._made.capture.done
        if stored is None or stored < self._traffic.ended(self._clock_s - FOLLOWS_S):
            return
        now = time.monotonic()
        for part, at, clock_s in list(self._open):
            if self._clock_s > clock_s + FOLLOWS_S or ended:
                self._recovery[part] = max(self._recovery.get(part, 0.0), now - at)
                self._open.remove((part, at, clock_s))

    def _settled(self) -> Verdict:
        """The verdict, once it is good; the last one where it does not become so."""
        kafka = self._made.settings if isinstance(self._made, OverKafka) else None
        until = time.monotonic() + DRAIN_S / 3
        while True:
            verdict = judge(self._traffic, self._made.db, kafka)
            if verdict.good or verdict.twice or time.monotonic() > until:
                break
            for _ in range(10):
                self._tend()
                time.sleep(LOOK_S)
        if isinstance(self._made, OverKafka) and self._made.replay_differs():
            self._faults.append(f"{self._made.replay_differs():.0f} steps differed when taken again")
        return verdict

    def _end(self) -> None:
        """Ask every process to end, the store last."""
        for name in ("capture", *WORKERS, "sink", "clickhouse", "up"):
            part = self._made.parts.get(name)
            code = part.end(STOP_S) if isinstance(part, Process) else None
            if code not in (None, 0, -signal.SIGTERM):  # the last where it has only just begun
                self._faults.append(f"{name} ended with {code} when asked to")

    def _hold_exits(self) -> None:
        """No process may have ended but by our signal, fenced after a pause, or for want of the broker."""
        paused = {deed.part for deed in self._deeds if deed.paused_s}
        for name, part in self._made.parts.items():
            allowed = {0, -signal.SIGKILL} | ({FENCED} if name in paused else set())
            if name in (*WORKERS, "capture") and any(deed.part == "broker" for deed in self._deeds):
                allowed.update(AWAY)
            for code, count in part.codes.items():
                if code not in allowed:
                    self._faults.append(f"{name} ended {count} times with {code}: {_last_words(part.log())}")


def _last_words(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if '"critical"' in line or '"error"' in line or "Error" in line]
    return (telling or lines or [""])[-1][:400]
