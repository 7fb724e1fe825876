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
