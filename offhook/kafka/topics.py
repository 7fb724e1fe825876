"""`offhook topics create` and `describe`: the catalogue in a cluster."""

import argparse
import asyncio
import sys

import msgspec

from eventlog.kafka import topics
from eventlog.kafka.connection import quiet
from eventlog.kafka.topics import Found, TopicReport
from offhook import settings
from offhook.errors import DONE, FAILED
from offhook.text import clean


def run(options: argparse.Namespace) -> int:
    """Create or compare; 1 where a topic is missing or has another number of partitions."""
    chosen = settings.load(options).kafka
    quiet()
    work = topics.create if options.action == "create" else topics.describe
    reports = asyncio.run(work(chosen))
    for report in reports:
        print(_json(report) if options.format == "json" else _lines(report))
    missing = [report.name for report in reports if report.found is Found.MISSING]
    if missing:
        print(
            f"offhook: {len(missing)} topics are missing: offhook topics create makes them", file=sys.stderr
        )
    wrong = any(report.wrong_partitions or report.found is Found.MISSING for report in reports)
    return FAILED if wrong else DONE


def _json(report: TopicReport) -> str:
    return msgspec.json.encode(report).decode()


def _lines(report: TopicReport) -> str:
    size = "" if report.partitions is None else f"{report.partitions} partitions x {report.replication}  "
    lines = [f"{report.name:<18} {size}{report.found}", *(f"    {line}" for line in report.differences)]
    return "\n".join(map(clean, lines))
