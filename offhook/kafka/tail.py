"""`offhook tail`: the events of a topic as JSON lines."""

import argparse
import asyncio
import os
import select
import sys
from difflib import get_close_matches
from stat import S_ISFIFO
from typing import Any

from eventlog.kafka.connection import quiet
from eventlog.kafka.reader import Reader, Received, Start
from eventlog.topics import BY_NAME
from offhook import settings
from offhook.errors import DONE, UsageError
from offhook.kafka.events import json_line, readable, text_of
from offhook.times import Clock, rfc3339
from schemas.framing import FramingError


def run(options: argparse.Namespace) -> int:
    """Print events until there are enough, or ^C."""
    chosen = settings.load(options)
    if options.topic not in BY_NAME:
        raise UsageError(f"no topic '{options.topic}'{_meant(options.topic)}; `offhook topics` lists them")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit}: at least 1")
    quiet()
    start = _start(options.start, chosen.offhook.timezone)
    partitions = None if options.partition is None else [options.partition]
    if not options.no_follow and sys.stderr.isatty():
        print(_waiting(options), file=sys.stderr)
    reader = Reader(chosen.kafka, [options.topic], partitions=partitions, start=start)
    asyncio.run(_print(reader, options.limit, follow=not options.no_follow))
    return DONE


def event(reader: Reader, record: Received) -> dict[str, Any]:
    """The event as it is printed; `error` instead of `value` where it cannot be read."""
    found: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": rfc3339(record.time_ms * 1000),
        "key": text_of(record.key or b""),
    }
    if record.value is None:
        return found | {"value": None}
    try:
        return found | {"value": readable(reader.decode(record))}
    except FramingError as error:
        return found | {"error": str(error)}


async def _print(reader: Reader, limit: int | None, *, follow: bool) -> None:
    async with reader:
        ends = await reader.ends()
        printed = 0
        while limit is None or printed < limit:
            if _nobody_reads():
                raise BrokenPipeError
            if not follow and all(at >= ends[place] for place, at in (await reader.positions()).items()):
                return
            for record in await reader.read(None if limit is None else limit - printed):
                if follow or record.offset < ends[record.topic, record.partition]:
                    sys.stdout.write(json_line(event(reader, record)) + "\n")
                    printed += 1
            sys.stdout.flush()


def _meant(name: str) -> str:
    """Topics that may have been meant."""
    near = [topic for topic in BY_NAME if topic.startswith(name.lower())] or get_close_matches(
        name.lower(), BY_NAME, n=1
    )
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _waiting(options: argparse.Namespace) -> str:
    """What a terminal is told that may show nothing for long."""
    kept = "; --from beginning shows those that are kept" if options.start == "end" else ""
    return f"offhook: events of {options.topic} as they come{kept}; ^C ends"


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone: without events no write would tell."""
    try:
        number = sys.stdout.fileno()
    except OSError:  # a test's
        return False
    if not S_ISFIFO(os.fstat(number).st_mode):
        return False
    pipe = select.poll()
    pipe.register(number, 0)
    return any(heard & select.POLLERR for _, heard in pipe.poll(0))


def _start(text: str, timezone: str) -> Start:
    if text == "beginning":
        return "beginning"
    return "end" if text == "end" else Clock(timezone).read(text) // 1000
