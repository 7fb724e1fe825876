"""Runs one question on the engine, in a thread of its own, and hands the answer over in pieces."""

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from sinks.clickhouse.served.bounds import VERDICTS
from sinks.clickhouse.served.compression import packer
from sinks.clickhouse.served.connections import Connections
from sinks.clickhouse.served.failures import BAD_ARGUMENTS, READONLY, RequestError, engine_error
from sinks.clickhouse.served.formats import DEFAULT, Joiner, streamable
from sinks.clickhouse.served.greeting import SINCE, STATEMENT, greeting
from sinks.clickhouse.served.insert import Insert, part
from sinks.clickhouse.served.question import Question
from sinks.clickhouse.served.rules import Rules, Verdict
from sinks.clickhouse.served.settings import settings_of


class Head(NamedTuple):
    """What the answer begins with."""

    format: str
    summary: str


Piece = Head | bytes
Put = Callable[[Piece], None]
"""Takes a piece of an answer; raises where nobody wants it any more."""


class Answers:
    """Answers questions; threads may share it."""

    def __init__(self, connections: Connections, database: str, *, writable: bool) -> None:
        """Learn the rules from the engine."""
        self._connections = connections
        self._writable = writable
        self._judging = settings_of([], writable=writable, streamed=True)
        self._verdicts: OrderedDict[tuple[str, str], Verdict] = OrderedDict()
        with connections.one(database, self._judging) as connection:
            self._rules = Rules(connection, database, writable=writable)

    def answer(self, question: Question, text: bytes, mark: str, put: Put) -> None:
        """Answer by pieces; RequestError before the first piece or in the middle of them."""
        insert = part(text)
        statement = insert.statement if insert else _decoded(text)
        verdict = self._verdict(question.database, statement)
        if verdict.writes and question.reading:
            raise RequestError(READONLY, "a GET reads; send what writes by POST")
        name = verdict.format or question.format or DEFAULT
        streamed = verdict.streams and streamable(name)
        settings = settings_of(question.settings, writable=self._writable, streamed=streamed)
        with self._connections.one(question.database, settings) as connection:
            try:
                if insert:
                    self._insert(connection, insert, put)
                elif name == "Native" and question.revision >= SINCE and statement.strip() == STATEMENT:
                    self._greet(connection, question, put)
                elif streamed:
                    self._stream(connection, f"{mark} {statement}", name, question, put)
                else:
                    self._whole(connection, f"{mark} {statement}", name, question, put)
            except RuntimeError as error:
                raise engine_error(error, mark) from None

    def _verdict(self, database: str, statement: str) -> Verdict:
        key = (database, statement)
        known = self._verdicts.get(key)
        if known is None:
            with self._connections.one(database, self._judging) as connection:
                known = self._rules.judge(connection, statement)
            self._verdicts[key] = known
            while len(self._verdicts) > VERDICTS:
                self._verdicts.popitem(last=False)
        return known

    def _stream(self, connection: Any, sql: str, name: str, question: Question, put: Put) -> None:
        joiner, packed = Joiner(name), packer(question.encoding, blocks=question.blocks)
        stream = connection.send_query(sql, name, params=question.parameters)
        try:
            chunk = connection.streaming_fetch_result(stream)
            put(Head(name, _begun(chunk.rows_read())))
            while chunk.rows_read():
                if data := packed.pack(joiner.join(bytes(chunk.bytes()))):
                    put(data)
                chunk = connection.streaming_fetch_result(stream)
            if data := packed.pack(joiner.join(bytes(chunk.bytes()))):  # of no rows: a head, or nothing
                put(data)
        finally:
            connection.streaming_cancel_query(stream)
        if data := packed.end():
            put(data)

    def _greet(self, connection: Any, question: Question, put: Put) -> None:
        result = connection.query("SELECT version(), timezone()", "TSVRaw", params={})
        version, timezone = bytes(result.bytes()).decode().strip().split("\t")
        packed = packer(question.encoding, blocks=question.blocks)
        put(Head("Native", _begun(1)))
        put(packed.pack(greeting(version, timezone)) + packed.end())

    def _whole(self, connection: Any, sql: str, name: str, question: Question, put: Put) -> None:
        result = connection.query(sql, name, params=question.parameters)
        put(Head(name, _summary(result)))
        packed = packer(question.encoding, blocks=question.blocks)
        for data in (packed.pack(bytes(result.bytes())), packed.end()):
            if data:
                put(data)

    def _insert(self, connection: Any, insert: Insert, put: Put) -> None:
        inserting = connection.send_insert(insert.into, insert.format)
        try:
            if insert.data:
                connection.insert_append(inserting, insert.data)
        except BaseException:
            connection.insert_cancel(inserting)
            raise
        result = connection.insert_done(inserting)
        rows, size = str(result.rows_written()), str(result.bytes_written())
        put(Head(DEFAULT, json.dumps({"written_rows": rows, "written_bytes": size, "result_rows": rows})))


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise RequestError(BAD_ARGUMENTS, "the statement is no UTF-8") from None


def _begun(rows: int) -> str:
    """The summary of an answer that is under way when its head is sent: clients ask it for "any rows?"."""
    return json.dumps({"read_rows": "0", "read_bytes": "0", "written_rows": "0", "result_rows": str(rows)})


def _summary(result: Any) -> str:
    return json.dumps(
        {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "written_rows": str(result.rows_written()),
            "written_bytes": str(result.bytes_written()),
            "result_rows": str(result.rows_read()),
            "elapsed_ns": str(int(result.elapsed() * 1e9)),
        }
    )
