"""`offhook analyze FILE --explain [--call ID]`: what explains missing calls and missing sound."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from offhook import settings
from offhook.errors import DONE, FAILED, UsageError
from offhook.explain.capturing import capturing_findings
from offhook.explain.evidence import Evidence
from offhook.explain.finding import LOW, Finding, most_probable_first
from offhook.explain.media import media_findings
from offhook.explain.one_call import call_findings, calls_named, no_such_call
from offhook.explain.page import write_page
from offhook.explain.signalling import signalling_findings
from offhook.explain.silence import Media
from offhook.explain.strangers import stranger_findings
from offhook.explain.words import count
from offhook.inputs import say_unread
from offhook.output.csv_rows import CsvRows
from offhook.output.destination import destination
from offhook.output.json_lines import JsonLines
from offhook.output.paint import Paint
from offhook.output.writer import Writer
from offhook.report import Shown, Summary


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, OSError or an error of a room."""
    if options.files.count("-") > 1:
        raise UsageError("standard input (-) can be read once")
    evidence = Evidence.of(options.files, settings.load(options))
    say_unread(evidence.unread)
    findings, well = explain(evidence, options.call)
    with destination(options.output) as out:
        if options.format == "table":
            write_page(findings, well, out, Paint() if options.output else Paint.of(sys.stdout))
        else:
            _write_rows(findings, options.format, out)
        out.flush()
    return FAILED if evidence.unread or (options.strict and evidence.warnings) else DONE


def explain(evidence: Evidence, call: str | None = None) -> tuple[Sequence[Finding], str]:
    """The findings, the most probable first, and the line that is said where there is none.

    `call`: a Call-ID or cdr_id; its findings come first, and the capture's own where they may matter.
    """
    media = Media(evidence)
    if call is None:
        return most_probable_first(_of_capture(media)), _all_well(evidence)
    records = calls_named(evidence, call)
    if not records:
        return [no_such_call(evidence, call), *most_probable_first(_of_capture(media))], ""
    own = most_probable_first(each for record in records for each in call_findings(media, record))
    capture = most_probable_first(capturing_findings(evidence)) if own else []
    return [*own, *(each for each in capture if each.code not in {found.code for found in own})], (
        "Nothing wrong with this call: its SIP is complete, and both sides were heard."
        if any(record.streams for record in records)
        else "Nothing wrong with this call."
    )


def _of_capture(media: Media) -> Iterator[Finding]:
    evidence = media.evidence
    found = [
        *signalling_findings(evidence),
        *media_findings(media),
        *capturing_findings(evidence),
    ]
    yield from found
    yield from stranger_findings(evidence, missing=any(each.severity != LOW for each in found))


def _all_well(evidence: Evidence) -> str:
    calls, streams = len(evidence.calls), sum(len(call.streams) for call in evidence.calls)
    return (
        f"Nothing wrong: {count(calls, 'call')} with {count(streams, 'stream')} in "
        f"{count(evidence.survey.packets, 'packet')}; every answered call has its RTP, every stream its call."
    )


def _write_rows(findings: Sequence[Finding], kind: str, out: BinaryIO) -> None:
    writer: Writer = JsonLines(out, flush=False) if kind == "json" else CsvRows(out, Finding, flush=False)
    for each in findings:
        writer.write(each)
    writer.finish(Summary(), Shown())
