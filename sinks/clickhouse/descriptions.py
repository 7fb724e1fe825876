"""What streams are, for rows of their windows: a stream is described once, with its first row, and a sink
that takes over in the middle of it has not heard that.

What a sink hears it therefore keeps in the store beside the rows, before the offset is committed, and asks
there for streams it does not know. A description never changes, so it does not matter who stored it, or how
often.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from schemas.media_windows import W, WindowBatch
from schemas.window_rows import Description, WindowRow, described, stream_name, window_row
from sinks.bounds import DESCRIPTIONS, DESCRIPTIONS_ASKED
from sinks.clickhouse.client import Store
from sinks.clickhouse.tables import Table
from sinks.clickhouse.writer import Writer
from sinks.contract import Place

KEPT_DAYS: Final = 2
"""Longer than any stream: a call ends after four hours."""


class Key(NamedTuple):
    """A stream as one partition of `media.windows` tells of it: another may know it by another call."""

    account: str
    site: str
    source: int
    stream: int


Batch = tuple[Place, WindowBatch]


def _values(kept: tuple[Key, Description]) -> tuple[object, ...]:
    key, stream = kept
    return (
        *(stream_name(key.stream), key.account, key.site, key.source),
        *(stream.cdr_id, stream.call_id, stream.side, stream.ssrc),
        *(list(stream.codecs), list(stream.codecs.values()), stream.first_us),
    )


_COLUMNS: Final = (
    *("stream_id", "account", "site", "source", "cdr_id", "call_id", "side", "ssrc"),
    *("payload_types", "codecs", "first_time"),
)
TABLE: Final = Table("rtp_descriptions", _COLUMNS, _values, lambda kept: int(kept[1].first_us))


class Descriptions:
    """The descriptions of streams in progress. `unknown` counts rows of streams that nobody described."""

    def __init__(self, store: Store) -> None:
        self.unknown = 0
        self._store = store
        self._writer = Writer(store, retention_days=KEPT_DAYS)
        self._known: dict[Key, Description] = {}
        self._unsaved: set[Key] = set()

    def rows(self, batches: list[Batch]) -> Iterator[tuple[Batch, list[WindowRow]]]:
        """The rows of each batch. Everything said of streams is stored first; StoreError."""
        heard, first, needed = _heard(batches)
        asked = {key for key in (heard.keys() - first) | needed if key not in self._known}
        self._known |= self._ask(asked - first)
        for key, stream in heard.items():
            if key not in self._known:
                self._known[key] = stream
                self._unsaved.add(key)
        self._save()
        for place, batch in batches:
            yield (place, batch), list(self._rows(place, batch))
        self._forget(batches)

    def _rows(self, place: Place, batch: WindowBatch) -> Iterator[WindowRow]:
        for stream, row in zip(batch.row_stream.tolist(), batch.rows.tolist(), strict=True):
            known = self._known.get(Key(batch.account, batch.site, place.partition, stream))
            if known is None:
                self.unknown += 1
                known = Description(stream, None, None, None, None, {}, row[W.START])
            yield window_row(known, row)

    def _ask(self, keys: set[Key]) -> dict[Key, Description]:
        """Those of the streams that the store knows."""
        found: dict[Key, Description] = {}
        names = iter(sorted({stream_name(key.stream) for key in keys}))
        while asked := list(islice(names, DESCRIPTIONS_ASKED)):
            with self._store.errors():
                rows = self._store.client.query(
                    "SELECT account, site, source, stream_id, toString(cdr_id), call_id, side, ssrc,"
                    " payload_types, codecs, toUnixTimestamp64Micro(first_time)"
                    " FROM rtp_descriptions WHERE stream_id IN {asked:Array(String)}",
                    parameters={"asked": asked},
                ).result_rows
            for account, site, source, name, cdr_id, call_id, side, ssrc, types, codecs, first_us in rows:
                stream = int(name, 16)
                found[Key(account, site, source, stream)] = Description(
                    stream, cdr_id, call_id, side, ssrc, dict(zip(types, codecs, strict=True)), first_us
                )
        return {key: stream for key, stream in found.items() if key in keys}

    def _save(self) -> None:
        self._writer.insert(TABLE, [(key, self._known[key]) for key in self._unsaved])
        self._unsaved.clear()

    def _forget(self, batches: Iterable[Batch]) -> None:
        """Streams that ended, and the longest known where there are too many."""
        for place, batch in batches:
            for stream in batch.ended:
                self._known.pop(Key(batch.account, batch.site, place.partition, stream), None)
        for key in list(islice(self._known, max(0, len(self._known) - DESCRIPTIONS))):
            del self._known[key]


def _heard(batches: list[Batch]) -> tuple[dict[Key, Description], set[Key], set[Key]]:
    """What the batches say of streams, the first word of each counts; streams whose first row is here, so
    that nothing was said of them before; and streams that have rows."""
    heard: dict[Key, Description] = {}
    first: set[Key] = set()
    needed: set[Key] = set()
    for place, batch in batches:
        whose = (batch.account, batch.site, place.partition)
        for info in batch.streams:
            heard.setdefault(Key(*whose, info.stream), described(info))
        begins = (batch.rows[:, W.WINDOW] == 0) & (batch.rows[:, W.PART] == 0)
        first |= {Key(*whose, stream) for stream in batch.row_stream[begins].tolist()}
        needed |= {Key(*whose, stream) for stream in batch.row_stream.tolist()}
    return heard, first & heard.keys(), needed
