"""Bounds of the command line against hostile or huge input."""

from typing import Final

TABLE_ROWS_HELD: Final = 10_000
"""Rows a table of files keeps to sort and to measure its columns; later rows are written as they come."""

CELL_WIDTH: Final = 40
"""Widest cell of a table, in columns of a terminal."""

LIVE_WIDTH_FREE: Final = 20
"""Width of a free-text column where rows are written before the rest is known."""

FILTER_TERMS: Final = 64
"""Terms of all --filter options together."""

FILTER_ALTERNATIVES: Final = 256
"""Values separated by | in one term."""

SETTINGS_FILE_BYTES: Final = 1 << 20
"""Longest settings file read."""

WARNING_LINES: Final = 50
"""Warning lines printed; the rest is counted."""

TIMES_REMEMBERED: Final = 4096
"""Times, and seconds, whose text is kept."""

STATEMENT_BYTES: Final = 1 << 20
"""Longest SQL statement read from standard input."""

SQL_TABLE_ROWS: Final = 10_000
"""Rows of an SQL answer shown as a table."""

LADDER_LANES: Final = 12
"""Columns of a call's ladder; a call with more endpoints is shown as a list."""

LADDER_STREAMS: Final = 32
"""Streams shown in a call's ladder, and below it."""

WINDOWS_SHOWN: Final = 100_000
"""Windows of one stream drawn as bars."""

CALL_TEXTS: Final = 1000
"""SIP messages of a call whose texts are shown."""

CALL_RECORDS: Final = 100
"""Records of one Call-ID that are shown."""

PAGE_ROWS: Final = 10_000
"""Rows of one page of `offhook calls`."""

ROWS_REACHED: Final = 100_000
"""Rows that --page reaches; beyond, a filter or --limit 0 is the way."""

REFUSED_LINES: Final = 10
"""Warnings about rows that a store did not take; the rest is counted."""

EXPLAIN_FLOWS: Final = 200_000
"""Flows that --explain surveys; packets of further ones are counted alone."""

EXPLAIN_UNREACHABLE: Final = 1000
"""ICMP messages of one block that --explain reads."""

EXPLAIN_EVIDENCE: Final = 12
"""Lines of evidence of one finding."""

EXPLAIN_CALLS: Final = 100_000
"""Calls, and registrations, that --explain looks into."""

EXPLAIN_STREAMS: Final = 100_000
"""Streams without a call that --explain looks into."""

EXPLAIN_CALL_IDS: Final = 500_000
"""Call-IDs of which --explain remembers whether both directions were seen."""

EXPLAIN_PAIRS: Final = 10_000
"""Pairs of SIP addresses, and Call-IDs of one pair, that --explain tells apart."""

EXPLAIN_ANNOUNCEMENTS: Final = 32
"""Announced endpoints of one call that --explain remembers."""

PINGERS: Final = 100_000
"""Pingers whose rows are put together where they are shown."""
