"""`offhook topics`: the catalogue of the event log."""

import argparse
import sys

import msgspec

from eventlog.topics import describe
from offhook.errors import DONE
from offhook.output.paint import Paint


def run(options: argparse.Namespace) -> int:
    """Print every topic: a line each for a program, a few for a person."""
    for row in describe():
        fields = row._asdict()
        if options.format == "json":
            sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
            continue
        sys.stdout.write(Paint.of(sys.stdout).styled(fields.pop("topic"), "bold") + "\n")
        for name, value in fields.items():
            sys.stdout.write(f"  {name.replace('_', ' '):<13} {value}\n")
    return DONE
