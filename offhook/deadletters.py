"""`offhook deadletters`: what could not be read, one by one, and back into its topic.

The letters lie in Kafka, or with --state in the log of `offhook up`.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

from eventlog.kafka.errors import UnavailableError
from eventlog.letters import TOPIC
from eventlog.log import LogError
from offhook import settings
from offhook.errors import DONE, FAILED, CommandError, UsageError
from offhook.kafka.events import json_line, readable
from offhook.letters import Letters, Stored
from offhook.text import clean
from offhook.times import rfc3339
from schemas.dead_letters import KEPT_BYTES, DeadLetter
from schemas.framing import FramingError


class Letter(NamedTuple):
    """A dead letter and where it lies; PARTITION:OFFSET names it."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def name(self) -> str:
        return f"{self.partition}:{self.offset}"


def run(options: argparse.Namespace) -> int:
    """List, show or replay."""
    if options.action == "replay" and bool(options.letters) == options.all:
        raise UsageError("name the letters to replay (PARTITION:OFFSET), or --all")
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    async with _opened(options) as log:
        if options.action == "list":
            return await _list(log, options)
        if options.action == "show":
            return await _show(log, options.letter)
        return await _replay(log, options)


def _opened(options: argparse.Namespace) -> AbstractAsyncContextManager[Letters]:
    if options.state is None:
        from offhook.kafka.letters import kafka_letters

        return kafka_letters(settings.load(options).kafka)
    if options.bootstrap is not None:
        raise UsageError("--state is the log of `offhook up`, --bootstrap is Kafka: give one of them")
    from offhook.up.letters import file_letters

    return file_letters(Path(options.state))


async def _list(log: Letters, options: argparse.Namespace) -> int:
    letters = _wanted(await _all(log), options)
    if not letters:
        print("offhook: there are no dead letters", file=sys.stderr)
    for found in letters:
        letter = found.letter
        if options.format == "json":
            print(json_line({"letter": found.name} | readable(letter)))
        else:
            where = f"{found.name:<8} {rfc3339(letter.time_us)}  {letter.source}  {_place(letter)}"
            print(clean(f"{where}  {letter.reason}"))
    return DONE


async def _show(log: Letters, name: str) -> int:
    letter = await _one(log, name)
    for field, value in readable(letter).items():
        if field != "value":
            print(clean(f"{field:<12} {rfc3339(value) if field == 'time_us' else value}"))
    value = letter.value[:KEPT_BYTES]
    print(f"\nthe first {len(value)} of {letter.value_bytes} bytes:")
    for at in range(0, len(value), 16):
        row = value[at : at + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        print(f"{at:08x}  {row.hex(' '):<47}  {text}")
    return DONE


async def _replay(log: Letters, options: argparse.Namespace) -> int:
    if options.all:
        letters = _wanted(await _all(log), options)
    else:
        letters = [Letter(*_parse(name), await _one(log, name)) for name in options.letters]
    if not letters:
        print("offhook: there are no dead letters to replay", file=sys.stderr)
    failed = False
    for found in letters:
        try:
            print(clean(await _put_back(log, found)), flush=True)
        except UnavailableError:
            raise
        except (CommandError, LogError, FramingError) as error:
            failed = True
            print(clean(f"{found.name} stays: {error}"), flush=True)
    return FAILED if failed else DONE


async def _put_back(log: Letters, found: Letter) -> str:
    """Append the record to its topic and partition again."""
    letter = found.letter
    if letter.offset < 0:
        raise CommandError(f"it never was in a topic: {letter.reason}")
    key, value = await _original(log, letter)
    offset = await log.append(letter.topic, letter.partition, key, value, found.name)
    return f"{found.name} → {letter.topic}/{letter.partition} offset {offset}"


async def _original(log: Letters, letter: DeadLetter) -> tuple[bytes, bytes]:
    """Key and value of the record: from its topic, else from the letter where that holds it whole."""
    record = await log.at(letter.topic, letter.partition, letter.offset)
    if record is not None and record.value.startswith(letter.value):
        return record.key, record.value
    if letter.value_bytes == len(letter.value):
        return letter.key, letter.value
    raise CommandError(
        f"{_place(letter)} is no longer kept, and the letter has {len(letter.value)}"
        f" of its {letter.value_bytes} bytes"
    )


async def _all(log: Letters) -> list[Letter]:
    letters = [Letter(found.partition, found.offset, _decoded(log, found)) for found in await log.all()]
    return sorted(letters, key=lambda found: (found.letter.time_us, found.partition, found.offset))


async def _one(log: Letters, name: str) -> DeadLetter:
    partition, offset = _parse(name)
    found = await log.at(TOPIC, partition, offset)
    if found is None:
        raise CommandError(f"there is no dead letter {name}; `offhook deadletters list` lists them")
    return _decoded(log, found)


def _decoded(log: Letters, found: Stored) -> DeadLetter:
    """The letter; one that cannot be read itself is shown as its own reason."""
    try:
        return log.letter(found.value)
    except FramingError as error:
        return DeadLetter(
            account="", site="", source="", time_us=0, topic=TOPIC,
            partition=found.partition, offset=-1, reason=f"this letter cannot be read: {error}",
            key=found.key, value=found.value, value_bytes=len(found.value),
        )  # fmt: skip


def _wanted(letters: Iterable[Letter], options: argparse.Namespace) -> list[Letter]:
    return [
        found
        for found in letters
        if options.source in (None, found.letter.source) and options.topic in (None, found.letter.topic)
    ]


def _parse(name: str) -> tuple[int, int]:
    partition, colon, offset = name.partition(":")
    if not (colon and partition.isdecimal() and offset.isdecimal()):
        raise UsageError(f"'{name}' names no dead letter; write PARTITION:OFFSET, as `deadletters list` does")
    return int(partition), int(offset)


def _place(letter: DeadLetter) -> str:
    return f"{letter.topic}/{letter.partition}:{letter.offset}" if letter.offset >= 0 else "(in no topic)"
