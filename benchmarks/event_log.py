"""What a step costs in each twin of the log, and what it takes to publish, and to read a state back.

A step as of a stage at 1000 calls: 12 changes of 600 bytes, one fact of 2 kB, one applied offset. CPU of this
process, and of the broker beside it. Run it as `python -m benchmarks.event_log`.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eventlog.kafka import topics
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.partition import StagePartition
from eventlog.kafka.settings import KafkaSettings
from eventlog.memory import MemoryLog
from eventlog.sqlite.log import SqliteLog
from offhook.dev.kafka import Broker
from schemas.dead_letters import DeadLetter

STEPS = 1000
CHANGES = 12
RESTORED = 50_000
BATCHES = 2000
BATCH_BYTES = 40_000

FACT = DeadLetter(
    account="acme", site="hq", source="bench", time_us=1, topic="cdr", partition=0, offset=1,
    reason="none", key=b"", value=os.urandom(2000), value_bytes=2000,
)  # fmt: skip


def main() -> None:
    """Print a line for each."""
    _steps("memory", MemoryLog(encode=True))
    with tempfile.TemporaryDirectory() as folder:
        with SqliteLog(Path(folder) / "log.sqlite") as log:
            _steps("sqlite", log)
        broker = Broker(Path(folder) / "kafka").start()
        try:
            assert broker.process is not None
            pid = broker.process.pid
            settings = KafkaSettings(bootstrap_servers=(broker.bootstrap,), partitions=1)
            asyncio.run(topics.create(settings))
            with KafkaLog(settings) as log:
                _steps("kafka", log, pid)
                _publish(log, pid)
            asyncio.run(_restore(settings))
        finally:
            broker.stop()


def _steps(name: str, log: Any, broker: int | None = None) -> None:
    value = os.urandom(600)
    log.append("sip.messages", 0, b"", _sip())

    def work() -> None:
        for number in range(STEPS):
            with log.transaction("calls-0") as step:
                step.append("dead.letters", 0, b"", FACT)
                step.save({b"call %d" % (number * CHANGES + n): value for n in range(CHANGES)})

    _print(f"{name}: a step", *_measured(work, broker), STEPS)


def _publish(log: KafkaLog, broker: int) -> None:
    letter = DeadLetter(**{**_fields(), "value": os.urandom(BATCH_BYTES)})

    def work() -> None:
        for _ in range(BATCHES):
            log.append("dead.letters", 0, b"", letter)
        log.flush()

    own, theirs, wall = _measured(work, broker)
    print(f"kafka: publish {BATCHES * BATCH_BYTES / wall / 1e6:.0f} MB/s of wall time")
    _print("kafka: a batch of 40 kB published", own, theirs, wall, BATCHES)


async def _restore(settings: KafkaSettings) -> None:
    part = StagePartition(settings, "media", 0)
    await part.open()
    for first in range(0, RESTORED, 5000):
        await part.commit({b"flow %d" % n: os.urandom(600) for n in range(first, first + 5000)}, [], {})
    await part.close()
    began = time.perf_counter()
    state = await part.open()
    took = time.perf_counter() - began
    assert len(state) == RESTORED
    await part.close()
    print(f"kafka: a state of {RESTORED} values of 600 bytes read back in {took:.2f} s")


def _measured(work: Callable[[], None], broker: int | None) -> tuple[float, float, float]:
    """CPU of this process and of the broker, and wall time, s."""
    before, began, own = _cpu_s(broker), time.perf_counter(), time.process_time()
    work()
    return time.process_time() - own, _cpu_s(broker) - before, time.perf_counter() - began


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(what: str, own: float, theirs: float, wall: float, count: int) -> None:
    parts = f"{own / count * 1e6:.0f} µs CPU, {wall / count * 1e6:.0f} µs wall"
    print(f"{what}: {parts}" + (f", broker {theirs / count * 1e6:.0f} µs" if theirs else ""))


def _fields() -> dict[str, Any]:
    return {name: getattr(FACT, name) for name in FACT.__struct_fields__}


def _sip() -> Any:
    from schemas.sip_messages import SipBatch

    return SipBatch(account="acme", site="hq", sensor="s", clock_us=1, messages=[])


if __name__ == "__main__":
    main()
