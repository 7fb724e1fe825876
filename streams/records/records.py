"""The records' reducer: gathers calls and their media, and says what became of each call.

A record is made when its call has ended, the records' clock is past the end (so that media's last rows for
it are in), and its channel is decided. What comes later makes a new version, until the call is let go.
The clock is the least of the dialogs' and all media partitions' watermarks, a site each.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas.cdr import CallRecord, UnmatchedStream
from schemas.cdr_rejected import RejectedCall
from schemas.channels import ChannelBatch, ChannelDecision
from schemas.clock import END_OF_CAPTURE
from schemas.media_windows import Unread, WindowBatch
from streams.bounds import ORPHANS_MAX, RELATED_MAX
from streams.dialogs.call import Call
from streams.records.channel_events import channel_batch, give_back, tell_channel
from streams.records.entry import DIALOGS, NEVER, Entry, Site, SiteKey, Timer, shown
from streams.records.gather import NO_CALL, MediaOfCalls
from streams.records.missing import earliest_us, touched, with_dropped, with_unread
from streams.records.record import call_record, end_reason, last_rtp, rejected_call, stream_views
from streams.records.related import ties_of
from streams.records.saved import Saved
from streams.records.schedule import MEDIA_SETTLES_US, forget_at, schedule, set_timer
from streams.records.stream_record import StreamView, stream_record
from streams.records.timers import media_deadline, media_timeout, seconds_us
from streams.settings import RecordSettings
from streams.unread import Drop

ORPHAN_STAYS_US = 60_000_000
"""So long streams wait for a call that has not been heard of."""


class RecordsOutput(msgspec.Struct):
    """What became known. `closed` are the calls of which nothing more will come."""

    records: list[CallRecord] = []
    rejected: list[RejectedCall] = []
    unmatched: list[UnmatchedStream] = []
    channels: list[ChannelBatch] = []
    closed: list[str] = []


class Records:
    """One partition of the records. `counters` has everything left out, by reason."""

    def __init__(self, partition: int, media_partitions: int, settings: RecordSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._partition = partition
        self._media_partitions = media_partitions
        self._settings = settings
        self._sites: dict[SiteKey, Site] = {}
        self._entries: dict[str, Entry] = {}
        self._media = MediaOfCalls()
        self._orphans: dict[str, SiteKey] = {}  # cdr_ids of streams whose call has not come
        self._closed_again: list[str] = []
        self._held: set[str] = set()  # let go, but the ledger has not spoken
        self._ready: set[str] = set()  # stale, and may be made
        self._interim: set[str] = set()  # had an interim record
        self._saved = Saved(self._media, self._entries, self._sites, self._orphans)

    # --- inputs ---

    def windows(self, batch: WindowBatch) -> None:
        """Fold a batch of media's rows, and remember the clock of its source."""
        site = self._site((batch.account, batch.site))
        for cdr_id in self._media.take(batch, self.counters):
            entry = self._entries.get(cdr_id)
            if entry is None:
                self._wait_for_call(site, cdr_id)
            elif entry.emitted or entry.timed_out:
                self._stale(entry)
        if batch.unread:
            site.missing.media = with_unread(site.missing.media, batch.unread)
            self._say_again(site, batch.unread)
        self._hear(site, batch.source, batch.clock_us)

    def calls(self, changed: Iterable[Call], clock_by_site: Mapping[SiteKey, int]) -> None:
        """Take the calls that the dialogs made or changed, and then their clock, by account and site."""
        for call in changed:
            self._take_call(call)
        for key, clock_us in clock_by_site.items():
            self._hear(self._site(key), DIALOGS, clock_us)

    def sip_unread(self, key: SiteKey, unread: Iterable[Unread]) -> None:
        """Take what the dialogs never read of a site."""
        site = self._site(key)
        site.missing.sip = with_unread(site.missing.sip, unread)
        self._say_again(site, unread)

    def dropped(self, key: SiteKey, drops: Sequence[Drop]) -> None:
        """Take what the sensors of a site lost."""
        site = self._site(key)
        calls = [entry.call for entry in self._entries.values() if self._site_of(entry.call) is site]
        needed_us = min([site.clock.now, *map(earliest_us, calls)])
        site.missing.dropped = with_dropped(site.missing.dropped, drops, needed_us)
        self._say_again(site, [Unread(each.from_us, each.to_us) for each in drops])

    def decision(self, decision: ChannelDecision) -> None:
        """Take the ledger's word on a call's channel."""
        entry = self._entries.get(decision.cdr_id)
        if entry is None:
            self.counters["decisions_unknown_call"] += 1
        elif entry.admitted is None:
            entry.admitted, entry.channels = decision.admitted, decision.taken
            if entry.due:
                self._stale(entry)
            self._saved.call(decision.cdr_id)

    # --- output ---

    def advance(self) -> RecordsOutput:
        """Go as far as the clocks allow, and say what became known."""
        gone = [cdr_id for cdr_id in self._held if self._entries[cdr_id].decided]
        self._held.difference_update(gone)
        for site in self._sites.values():
            self._run_timers(site, gone)
            if site.clock.now >= END_OF_CAPTURE:
                self._end_of_capture(site, gone)
        if all(site.clock.now >= END_OF_CAPTURE for site in self._sites.values()):
            self._media.end_all_unmatched()
        output = RecordsOutput()
        for cdr_id in self._ready:
            self._emit(self._entries[cdr_id], output)
        self._ready.clear()
        output.records.sort(key=_by_end)
        output.rejected.sort(key=_by_end)
        output.unmatched = self._unmatched()
        if self._settings.channels_max:
            output.channels = self._channels()
        output.closed = [*self._closed_again, *(cdr_id for cdr_id in gone if self._forget(cdr_id))]
        self._closed_again.clear()
        self._saved.forget_streams()
        return output

    def interim(self, now_us: int) -> list[CallRecord]:
        """Records of ended calls, not complete, of sites whose clock stands still; `now_us` is wall time."""
        found = []
        for key, site in self._sites.items():
            if site.clock.now != site.stood_at or site.stood_since is None:
                site.stood_at, site.stood_since = site.clock.now, now_us
            elif now_us - site.stood_since >= seconds_us(self._settings.interim_after_s):
                found += self._interim_records(key, site)
        return found

    # --- state ---

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, by key; None deletes."""
        return self._saved.changes()

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take over all that `changes` gave; these records must be new."""
        self._saved.restore(state, self._site)
        for entry in self._entries.values():
            site = self._site_of(entry.call)
            entry.timers = [NEVER] * Timer.COUNT
            if entry.entered:
                site.relations.enter(entry.call, entry.ties)
            if entry.stale and entry.due:
                self._ready.add(entry.call.cdr_id)
            schedule(site, entry, self._settings)
            if entry.let_go:
                self._held.add(entry.call.cdr_id)
        for cdr_id, key in self._orphans.items():
            self._time_orphans(self._site(key), cdr_id)

    # --- calls ---

    def _take_call(self, call: Call) -> None:
        entry = self._entries.get(call.cdr_id)
        if entry is None:
            if self._long_closed(call):
                self.counters["calls_after_close"] += 1
                self._closed_again.append(call.cdr_id)
                return
            entry = self._entries[call.cdr_id] = Entry(call)
            if self._orphans.pop(call.cdr_id, None):
                self._saved.orphan(call.cdr_id)
        entry.call = call
        if (entry.emitted or entry.timed_out) and shown(call) != entry.seen:
            self._stale(entry)
        if call.ended_us is None and not entry.timed_out:
            entry.due = False
        schedule(self._site_of(call), entry, self._settings)
        self._saved.call(call.cdr_id)

    def _long_closed(self, call: Call) -> bool:
        """Whether a call was let go before: it comes again only by mistake."""
        clock = self._site_of(call).clock.now
        return clock >= END_OF_CAPTURE or (call.closed and forget_at(call, self._settings) < clock)

    def _stale(self, entry: Entry) -> None:
        """What was last said of the call is not all: say it again as soon as it may be said."""
        entry.stale = True
        if entry.due:
            self._ready.add(entry.call.cdr_id)
        self._saved.call(entry.call.cdr_id)

    def _say_again(self, site: Site, unread: Iterable[Unread]) -> None:
        """Records that were made of calls that ran then have to say that something is missing."""
        self._saved.site((site.account, site.site))
        spans = with_unread([], unread)
        for entry in self._entries.values():
            call = entry.call
            if entry.emitted and self._site_of(call) is site:
                end_us = site.clock.now if call.ended_us is None else call.ended_us
                if touched(call, end_us, spans):
                    self._stale(entry)

    # --- timers ---

    def _run_timers(self, site: Site, gone: list[str]) -> None:
        heap, now = site.heap, site.clock.now
        while heap and heap[0][0] < now:
            time_us, timer, cdr_id = heapq.heappop(heap)
            entry = self._entries.get(cdr_id)
            if timer == Timer.ORPHAN:
                self._drop_orphans(cdr_id)
            elif entry is not None and entry.timers[timer] == time_us:
                entry.timers[timer] = NEVER
                self._fire(site, entry, timer, time_us, gone)
                self._saved.call(cdr_id)

    def _fire(self, site: Site, entry: Entry, timer: int, time_us: int, gone: list[str]) -> None:
        match timer:
            case Timer.ENTER:
                self._enter(site, entry)
            case Timer.TAKE:
                entry.took_channel = True
                tell_channel(site, entry, time_us, taken=True)
            case Timer.RELEASE:
                give_back(site, entry, time_us)
            case Timer.SILENCE:
                self._silence(site, entry, time_us)
            case Timer.RECORD:
                entry.due = True
                entry.timed_out = False
                self._stale(entry)
            case Timer.FORGET:
                entry.let_go = True
                gone.append(entry.call.cdr_id)

    def _enter(self, site: Site, entry: Entry) -> None:
        """A call starts: it and the open calls it belongs to name each other."""
        call = entry.call
        entry.entered = True
        entry.ties = ties_of(call, self._settings.related_by_numbers)
        for relation in site.relations.enter(call, entry.ties):
            _relate(entry, relation.call_id, relation.why)
            other = self._entries.get(relation.cdr_id)
            if other is not None and _relate(other, call.call_id, relation.why) and other.emitted:
                self._stale(other)
            self._saved.call(relation.cdr_id)

    def _silence(self, site: Site, entry: Entry, time_us: int) -> None:
        """A media timer may have run out: the record is made, the call stays for what may still come."""
        call = entry.call
        if call.ended_us is not None:
            return
        deadline, _ = media_deadline(call, last_rtp(self._views(entry)), self._settings)
        if deadline > time_us:
            set_timer(site, entry, Timer.SILENCE, deadline)
            return
        entry.timed_out = entry.due = True
        give_back(site, entry, time_us)
        self._stale(entry)

    def _end_of_capture(self, site: Site, gone: list[str]) -> None:
        """Nothing more comes: say what is left to say, and let go of every call."""
        key = (site.account, site.site)
        for cdr_id, entry in self._entries.items():
            if (entry.call.account, entry.call.site) != key or entry.let_go:
                continue
            entry.let_go = True
            gone.append(cdr_id)
            if not entry.due:
                entry.due = True
                self._stale(entry)

    # --- records ---

    def _views(self, entry: Entry) -> list[StreamView]:
        return stream_views(entry.call, self._media.of_call(entry.call.cdr_id), self._media.sums)

    def _emit(self, entry: Entry, output: RecordsOutput) -> None:
        """Make the call's record, if it may be made now."""
        if not entry.decided:
            return
        record = self._record(entry, complete=True)
        if record is None:
            return
        entry.stale = False
        entry.emitted = True
        entry.seen = shown(entry.call)
        if entry.admitted is False:
            output.rejected.append(rejected_call(record, entry.channels, self._settings.channels_max))
        else:
            output.records.append(record)

    def _record(self, entry: Entry, complete: bool) -> CallRecord | None:
        """The next version; None where the media timer that ended the call no longer holds."""
        call, views = entry.call, self._views(entry)
        site = self._site_of(call)
        clock = site.clock.now
        rtp_end = last_rtp(views)
        running = call.ended_us is None and not entry.let_go
        if running and media_timeout(call, rtp_end, clock, self._settings) is None:
            entry.timed_out = entry.due = False
            schedule(site, entry, self._settings)
            return None
        entry.version += 1
        self._saved.call(call.cdr_id)
        return call_record(
            call,
            views,
            [heard.info.sensor for heard in self._media.of_call(call.cdr_id)],
            end_reason(call, rtp_end, clock, self._settings),
            entry.related,
            site.missing,
            call.cdr_id in self._media.omitted,
            entry.version,
            complete,
        )

    def _interim_records(self, key: SiteKey, site: Site) -> list[CallRecord]:
        dialogs_clock = site.clock.marks[DIALOGS]
        found = []
        for cdr_id, entry in self._entries.items():
            call = entry.call
            if entry.emitted or cdr_id in self._interim or (call.account, call.site) != key:
                continue
            if call.ended_us is not None and call.ended_us + MEDIA_SETTLES_US < dialogs_clock:
                self._interim.add(cdr_id)
                record = self._record(entry, complete=False)
                if record is not None:
                    found.append(record)
        return found

    def _unmatched(self) -> list[UnmatchedStream]:
        found = []
        for heard in self._media.ended_unmatched():
            info = heard.infos[NO_CALL]
            view = StreamView(heard, info, self._media.sums.sums(heard), None)
            if view.packets:
                found.append(UnmatchedStream(*heard.owner, stream_record(view)))
            self._media.forget(heard)
        found.sort(key=lambda each: (each.stream.first_time, each.stream.stream_id))
        return found

    def _channels(self) -> list[ChannelBatch]:
        batches = []
        for key, site in self._sites.items():
            batch = channel_batch(site, self._partition)
            if batch is not None:
                batches.append(batch)
                self._saved.site(key)
        return batches

    # --- letting go ---

    def _forget(self, cdr_id: str) -> bool:
        """Forget a call, unless its channel is still undecided."""
        entry = self._entries[cdr_id]
        if not entry.decided:
            self._held.add(cdr_id)
            return False
        site = self._site_of(entry.call)
        site.relations.leave(cdr_id, entry.ties)
        del self._entries[cdr_id]
        self._media.forget_call(cdr_id)
        self._interim.discard(cdr_id)
        self._saved.call(cdr_id)
        return True

    def _wait_for_call(self, site: Site, cdr_id: str) -> None:
        """Streams came before their call: they wait for it."""
        if cdr_id in self._orphans:
            return
        if len(self._orphans) >= ORPHANS_MAX:
            self.counters["streams_without_call"] += self._media.forget_call(cdr_id)
            return
        self._orphans[cdr_id] = site.account, site.site
        self._saved.orphan(cdr_id)
        self._time_orphans(site, cdr_id)

    def _time_orphans(self, site: Site, cdr_id: str) -> None:
        streams = self._media.of_call(cdr_id)
        first = min((heard.infos[cdr_id].first_us for heard in streams), default=site.clock.now)
        heapq.heappush(site.heap, (first + ORPHAN_STAYS_US, Timer.ORPHAN, cdr_id))

    def _drop_orphans(self, cdr_id: str) -> None:
        if self._orphans.pop(cdr_id, None):
            self._saved.orphan(cdr_id)
            self.counters["streams_without_call"] += self._media.forget_call(cdr_id)

    # --- sites ---

    def _site(self, key: SiteKey) -> Site:
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = Site(key, self._media_partitions)
        return site

    def _site_of(self, call: Call) -> Site:
        return self._site((call.account, call.site))

    def _hear(self, site: Site, source: str | int, clock_us: int) -> None:
        site.clock.heard(source, clock_us)
        self._saved.site((site.account, site.site))


def _by_end(record: CallRecord | RejectedCall) -> tuple[int, str]:
    return record.end_time, record.cdr_id


def _relate(entry: Entry, call_id: str, why: str) -> bool:
    """Name another call; False where it is named already, or there are too many."""
    known = any(named == call_id for named, _ in (*entry.call.related, *entry.related))
    if known or len(entry.related) >= RELATED_MAX:
        return False
    entry.related.append((call_id, why))
    return True
