"""What all sites of one partition share: settings, calls, counters, and what has changed."""

from collections import Counter

from streams.dialogs.call import Call
from streams.dialogs.others import Outside
from streams.dialogs.state import CallState
from streams.settings import CallSettings


class Register:
    """Calls by cdr_id, across sites."""

    def __init__(self, settings: CallSettings) -> None:
        self.settings = settings
        self.counters: Counter[str] = Counter()
        self.calls: dict[str, Call] = {}
        self.states: dict[str, CallState] = {}
        self.findable = 0  # calls that a message may still find
        self.changed: dict[str, Call] = {}  # since the last advance
        self.outside: list[Outside] = []  # the same, messages of no call
        self.unsaved: set[str] = set()
        self.saved: set[str] = set()
        self.saved_counters = b""

    def add(self, state: CallState) -> None:
        """A call was made."""
        self.calls[state.call.cdr_id] = state.call
        self.states[state.call.cdr_id] = state
        self.findable += 1

    def touch(self, state: CallState) -> None:
        """A call has changed; who forgot it hears of it anew."""
        self.changed[state.call.cdr_id] = state.call
        state.forgotten = False

    def retire(self, state: CallState) -> None:
        """No message finds the call any more; it goes when the records have forgotten it."""
        state.gone = True
        self.findable -= 1
        self.unsaved.add(state.call.cdr_id)
        if state.forgotten:
            self.drop(state)

    def forget(self, cdr_id: str) -> None:
        """The records need the call no more."""
        state = self.states.get(cdr_id)
        if state is None:
            return
        state.forgotten = True
        self.unsaved.add(cdr_id)
        if state.gone:
            self.drop(state)

    def drop(self, state: CallState) -> None:
        """Let go of a call."""
        cdr_id = state.call.cdr_id
        del self.calls[cdr_id], self.states[cdr_id]
        if cdr_id in self.saved:
            self.unsaved.add(cdr_id)
        else:
            self.unsaved.discard(cdr_id)
