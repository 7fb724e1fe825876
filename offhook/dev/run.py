"""`offhook dev kafka`: run a broker until told to stop."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from offhook.dev.kafka import Broker
from offhook.errors import DONE, CommandError


def run(options: argparse.Namespace) -> int:
    """Start the broker, say where it is, and wait; SIGTERM and SIGINT end it in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both raise KeyboardInterrupt
    try:
        if options.folder:
            _serve(Broker(Path(options.folder), options.port))
        else:
            with tempfile.TemporaryDirectory(prefix="offhook-kafka-") as folder:
                _serve(Broker(Path(folder), options.port))
    except KeyboardInterrupt:
        pass
    return DONE


def _serve(broker: Broker) -> None:
    try:
        broker.start()
        print(f"bootstrap: {broker.bootstrap}", flush=True)
        print(f"data: {broker.folder.absolute()}; stop with ^C", file=sys.stderr, flush=True)
        assert broker.process is not None
        status = broker.process.wait()
        raise CommandError(f"Kafka ended by itself with status {status}; its log: {broker.folder}/kafka.log")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        broker.stop()
