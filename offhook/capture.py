"""`offhook capture`: a sensor, from captures or from the wire, into Kafka."""

import argparse
import signal
from contextlib import closing

from eventlog.kafka.connection import quiet
from eventlog.kafka.log import KafkaLog
from offhook import settings
from offhook.capture_file import FileCapture
from offhook.capture_live import LiveCapture, listening
from offhook.commands.arguments import check_wire_filter, speed_of
from offhook.errors import DONE
from offhook.monitoring import logs
from offhook.monitoring.server import Health, address, monitoring
from offhook.process import stop_signals


def run(options: argparse.Namespace) -> int:
    """Publish captures to their end, or the wire; until SIGTERM or ^C."""
    chosen = settings.load(options)
    check_wire_filter(options)
    speed = speed_of(options.speed)
    http = address(options.http) if options.http else None
    quiet()
    heard = listening(options, chosen) if options.interface else None  # first of all: what passes is lost
    with KafkaLog(chosen.kafka) as log:
        logs.configure()
        begun = LiveCapture(heard, log) if heard else FileCapture(options, chosen, log, speed)
        with closing(begun) as capture:
            for number in stop_signals():
                signal.signal(number, capture.stop)
            with monitoring(
                http,
                healthy=lambda: Health(True),
                ready=lambda: Health(capture.trouble is None, capture.trouble or ""),
                samples=capture.samples,
            ):
                capture.publish()
    return DONE
