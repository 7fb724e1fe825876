"""The calls stage: dialogs, records and registrations of one partition, in one transaction."""

from collections.abc import Iterable, Mapping

from eventlog.topics import routing
from schemas.channels import ChannelDecision
from schemas.media_windows import WindowBatch
from schemas.sip_messages import SipBatch
from streams.dialogs.reducer import Dialogs
from streams.records.records import Records, RecordsOutput
from streams.registrations.reducer import Registrations
from streams.settings import CallSettings, RecordSettings
from streams.stage import EVERY_PARTITION, Fact, Input


class Calls:
    """One partition of the calls stage; it hears `media_partitions` partitions of the media stage."""

    inputs = ("sip.messages", "media.windows", "channel.decisions")

    def __init__(
        self,
        number: int,
        media_partitions: int = 1,
        calls: CallSettings | None = None,
        records: RecordSettings | None = None,
    ) -> None:
        self.dialogs = Dialogs(number, calls or CallSettings())
        self.records = Records(number, media_partitions, records or RecordSettings())
        self.registrations = Registrations()
        self.closed: list[str] = []
        """cdr_ids of which the last step has sent the last version."""

    @property
    def counters(self) -> dict[str, int]:
        """Discards and evictions by reason."""
        return {**self.dialogs.counters, **self.records.counters, **self.registrations.counters}

    def step(self, inputs: Iterable[Input]) -> list[Fact]:
        """Take the batches, then apply what the clocks allow."""
        for _, value in inputs:
            if isinstance(value, SipBatch):
                self.dialogs.apply(value)
            elif isinstance(value, WindowBatch):
                self.records.windows(value)
            elif isinstance(value, ChannelDecision):
                self.records.decision(value)
        heard = self.dialogs.advance()
        facts = [
            Fact("media.endpoints", EVERY_PARTITION, routing(batch.account, batch.site), batch)
            for batch in heard.endpoints
        ]
        for site, unread in heard.unread.items():
            self.records.sip_unread(site, unread)
        for site, dropped in heard.dropped.items():
            self.records.dropped(site, dropped)
        self.records.calls(heard.changed, heard.clocks)
        for row in self.registrations.advance(heard.outside, heard.reached, heard.clocks):
            key = row.registration_id.encode()
            facts.append(Fact("registrations", key, key, row))
        output = self.records.advance()
        for cdr_id in output.closed:
            self.dialogs.forget(cdr_id)
        self.closed = output.closed
        return facts + _facts(output)

    def interim(self, now_us: int) -> list[Fact]:
        """Records of ended calls, not complete, where media's clock stands still; `now_us` is wall time.

        Their versions are state: a runner saves the changes with them.
        """
        return _facts(RecordsOutput(records=self.records.interim(now_us)))

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, of all reducers."""
        return {
            **{b"d:" + key: value for key, value in self.dialogs.changes().items()},
            **{b"r:" + key: value for key, value in self.records.changes().items()},
            **{b"g:" + key: value for key, value in self.registrations.changes().items()},
        }

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take the state over."""
        self.dialogs.restore({key[2:]: value for key, value in state.items() if key.startswith(b"d:")})
        self.records.restore({key[2:]: value for key, value in state.items() if key.startswith(b"r:")})
        self.registrations.restore({key[2:]: value for key, value in state.items() if key.startswith(b"g:")})


def _facts(output: RecordsOutput) -> list[Fact]:
    facts = []
    for record in output.records:
        key = record.cdr_id.encode()
        facts.append(Fact("cdr", key, key, record))
    for unmatched in output.unmatched:
        key = unmatched.stream.stream_id.encode()
        facts.append(Fact("rtp.unmatched", key, key, unmatched))
    for rejected in output.rejected:
        key = rejected.cdr_id.encode()
        facts.append(Fact("cdr.rejected", key, key, rejected))
    for batch in output.channels:
        key = routing(batch.account)
        facts.append(Fact("channels", key, key, batch))
    return facts
