"""How a long-running command ends."""

import asyncio
import logging
import os
import signal
import sys
import threading
from typing import Final

STOP_S: Final = 9.5
"""Longest time to end in good order."""

FLUSH_S: Final = 8.0
"""How long a capture that is told to stop waits for Kafka to have everything."""

_log = logging.getLogger(__name__)


def within(seconds: float) -> None:
    """End the process after so long, whatever still runs then: a graceful stop has a limit."""

    def end() -> None:
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def stop_signals() -> tuple[signal.Signals, ...]:
    """What ends a service in good order: SIGTERM, ^C, a terminal that goes away (but not under nohup)."""
    hung_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGTERM, signal.SIGINT, *hung_up)


def stop_on_signals() -> asyncio.Event:
    """Set by one of stop_signals(), after which the process has STOP_S to end; called in the event loop."""
    stop = asyncio.Event()

    def stopping() -> None:
        _log.info("stopping")
        within(STOP_S)
        stop.set()

    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, stopping)
    return stop
