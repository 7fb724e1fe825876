"""`offhook deadletters`: what could not be read, one by one, and back into its topic."""

import argparse
import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from eventlog.kafka.clients import AIOKafkaProducer, end_client, idempotent_producer
from eventlog.kafka.connection import quiet
from eventlog.kafka.connection import readable as in_words
from eventlog.kafka.errors import KafkaLogError, UnavailableError
from eventlog.kafka.reader import Reader, Received, read_to_end
from eventlog.kafka.settings import KafkaSettings
from offhook import settings
from offhook.errors import DONE, FAILED, CommandError, UsageError
from offhook.kafka.events import json_line, readable
from offhook.text import clean
from offhook.times import rfc3339
from schemas.dead_letters import DeadLetter
from schemas.framing import FramingError

TOPIC = "dead.letters"
REPLAYED = "offhook-replayed"
"""Header of a replayed record: the letter's place."""


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
    chosen = settings.load(options).kafka
    quiet()
    if options.action == "list":
        return asyncio.run(_list(chosen, options))
    if options.action == "show":
        return asyncio.run(_show(chosen, options.letter))
    if bool(options.letters) == options.all:
        raise UsageError("name the letters to replay (PARTITION:OFFSET), or --all")
    return asyncio.run(_replay(chosen, options))


async def _list(chosen: KafkaSettings, options: argparse.Namespace) -> int:
    for found in _wanted(await _all(chosen), options):
        letter = found.letter
        if options.format == "json":
            print(json_line({"letter": found.name} | readable(letter)))
        else:
            where = f"{found.name:<8} {rfc3339(letter.time_us)}  {letter.source}  {_place(letter)}"
            print(clean(f"{where}  {letter.reason}"))
    return DONE


async def _show(chosen: KafkaSettings, name: str) -> int:
    letter = await _one(chosen, name)
    for field, value in readable(letter).items():
        if field != "value":
            print(clean(f"{field:<12} {rfc3339(value) if field == 'time_us' else value}"))
    print(f"\nthe first {len(letter.value)} of {letter.value_bytes} bytes:")
    for at in range(0, len(letter.value), 16):
        row = letter.value[at : at + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        print(f"{at:08x}  {row.hex(' '):<47}  {text}")
    return DONE


async def _replay(chosen: KafkaSettings, options: argparse.Namespace) -> int:
    if options.all:
        letters = _wanted(await _all(chosen), options)
    else:
        letters = [Letter(*_parse(name), await _one(chosen, name)) for name in options.letters]
    failed = False
    producer = idempotent_producer(chosen, f"{chosen.client_id}-replay", linger_ms=0)
    try:
        with in_words(chosen, "replay"):
            await producer.start()
            for found in letters:
                try:
                    print(clean(await _put_back(chosen, producer, found)), flush=True)
                except UnavailableError:
                    raise
                except (CommandError, KafkaLogError) as error:
                    failed = True
                    print(clean(f"{found.name} stays: {error}"), flush=True)
    finally:
        await end_client(producer)
    return FAILED if failed else DONE


async def _put_back(chosen: KafkaSettings, producer: AIOKafkaProducer, found: Letter) -> str:
    """Append the record to its topic and partition again."""
    letter = found.letter
    if letter.offset < 0:
        raise CommandError(f"it never was in a topic: {letter.reason}")
    key, value = await _original(chosen, letter)
    sent = await producer.send_and_wait(
        chosen.topic(letter.topic), value, key=key, partition=letter.partition,
        headers=[(REPLAYED, found.name.encode())],
    )  # fmt: skip
    return f"{found.name} → {letter.topic}/{letter.partition} offset {sent.offset}"


async def _original(chosen: KafkaSettings, letter: DeadLetter) -> tuple[bytes | None, bytes]:
    """Key and value of the record: from its topic, else from the letter where that holds it whole."""
    record = await _at(chosen, letter.topic, letter.partition, letter.offset)
    if record is not None and record.value is not None and record.value.startswith(letter.value):
        return record.key, record.value
    if letter.value_bytes == len(letter.value):
        return letter.key, letter.value
    raise CommandError(
        f"{_place(letter)} is no longer kept, and the letter has {len(letter.value)}"
        f" of its {letter.value_bytes} bytes"
    )


async def _at(chosen: KafkaSettings, topic: str, partition: int, offset: int) -> Received | None:
    """The record at a place, None where it is not kept any more."""
    async with Reader(chosen, [topic], partitions=[partition]) as reader:
        first, end = await reader.bounds(topic, partition)
        if not first <= offset < end:
            return None
        await reader.seek(topic, partition, offset)
        while (await reader.positions())[topic, partition] <= offset:
            for record in await reader.read(1):
                return record if record.offset == offset else None
    return None


async def _all(chosen: KafkaSettings) -> list[Letter]:
    async with Reader(chosen, [TOPIC]) as reader:
        records = await read_to_end(reader)
        letters = [Letter(record.partition, record.offset, _decoded(reader, record)) for record in records]
    return sorted(letters, key=lambda found: (found.letter.time_us, found.partition, found.offset))


async def _one(chosen: KafkaSettings, name: str) -> DeadLetter:
    partition, offset = _parse(name)
    record = await _at(chosen, TOPIC, partition, offset)
    if record is None:
        raise CommandError(f"there is no dead letter {name}; `offhook deadletters list` lists them")
    return _decoded(Reader(chosen, [TOPIC]), record)


def _decoded(reader: Reader, record: Received) -> DeadLetter:
    """The letter; one that cannot be read itself is shown as its own reason."""
    try:
        letter = reader.decode(record)
    except FramingError as error:
        value = record.value or b""
        return DeadLetter(
            account="", site="", source="", time_us=record.time_ms * 1000, topic=TOPIC,
            partition=record.partition, offset=-1, reason=f"this letter cannot be read: {error}",
            key=record.key or b"", value=value, value_bytes=len(value),
        )  # fmt: skip
    assert isinstance(letter, DeadLetter)
    return letter


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
