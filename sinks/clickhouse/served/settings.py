"""Which settings a request may bring, and those of every served query."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sinks.clickhouse.client import SETTINGS
from sinks.clickhouse.served.bounds import MEMORY_BYTES, RESULT_BYTES, SECONDS, SECONDS_MOST, THREADS
from sinks.clickhouse.served.failures import BAD_ARGUMENTS, READONLY, RequestError

Settings = tuple[tuple[str, str], ...]

_BASE: Final[Mapping[str, str]] = {
    **SETTINGS,
    "implicit_select": "0",
    "allow_introspection_functions": "0",
    "max_execution_time": str(SECONDS),
    "timeout_overflow_mode": "throw",
    "max_memory_usage": str(MEMORY_BYTES),
    "max_threads": str(THREADS),
}

_MOST: Final[Mapping[str, int]] = {
    "max_execution_time": SECONDS_MOST,
    "max_memory_usage": MEMORY_BYTES,
    "max_threads": THREADS,
    "max_block_size": 1 << 20,
}
"""Numbers that are cut to what we allow."""

_HARMLESS: Final = re.compile(
    r"extremes|join_use_nulls|final|limit|offset|max_result_rows|max_rows_to_read|max_bytes_to_read"
    r"|max_rows_to_group_by|session_timezone|aggregate_functions_null_for_empty|transform_null_in"
    r"|group_by_use_nulls|union_default_mode|prefer_column_name_to_alias|date_time_output_format"
    r"|date_time_input_format|bool_true_representation|bool_false_representation|log_comment|priority"
    r"|format_csv_delimiter|format_csv_null_representation|format_tsv_null_representation"
    r"|cast_keep_nullable|cast_string_to_dynamic_use_inference|do_not_merge_across_partitions_select_final"
    r"|use_skip_indexes|query_plan_enable_optimizations"
)
_OUTPUT: Final = re.compile(r"output_format_(?!schema)\w+")
_INPUT: Final = re.compile(
    r"input_format_(?!values_)\w+|insert_\w+|async_insert\w*|wait_for_async_insert\w*|max_insert_block_size"
    r"|min_insert_block_size_\w+|mutations_sync|alter_sync|optimize_throw_if_noop|throw_on_max_partitions\w*"
    r"|max_partitions_per_insert_block|lightweight_deletes_sync|allow_experimental_\w+_type"
)
_UNHEARD: Final = re.compile(
    r"client_protocol_version|send_progress_in_http_headers|wait_end_of_query|http_response_buffer_size"
    r"|buffer_size|enable_http_compression|http_zlib_compression_level|http_write_exception_in_output_format"
    r"|cancel_http_readonly_queries_on_client_close|network_compression_method|result_overflow_mode"
    r"|http_headers_progress_interval_ms|add_http_cors_header|quota_key|role|select_sequential_consistency"
    r"|load_balancing|connect_timeout|receive_timeout|send_timeout|http_receive_timeout|http_send_timeout"
    r"|http_make_head_request|stacktrace|send_logs_level|allow_experimental_analyzer|readonly"
    r"|max_query_size|timeout_overflow_mode|progress|http_max_uri_size|allow_experimental_variant_type"
    r"|allow_experimental_dynamic_type|allow_experimental_json_type|low_cardinality_allow_in_native_format"
    r"|max_result_bytes"
)
"""Clients send them and need no answer: about the transport, or what we have decided."""


def settings_of(asked: Iterable[tuple[str, str]], *, writable: bool, streamed: bool) -> Settings:
    """The settings of a connection for a request with these; RequestError for one it may not give."""
    values = dict(_BASE)
    if not streamed:
        values["max_result_bytes"] = str(RESULT_BYTES)
    for name, value in asked:
        if name in _MOST:
            values[name] = str(_cut(name, value))
        elif allowed(name, writable=writable):
            values[name] = value
        elif not (_UNHEARD.fullmatch(name) or _INPUT.fullmatch(name)):
            raise RequestError(READONLY, f"setting {name} cannot be given here")
    return tuple(sorted(values.items()))


def allowed(name: str, *, writable: bool) -> bool:
    """Whether a client may give this setting."""
    known = name in _MOST or name in SETTINGS or _HARMLESS.fullmatch(name) or _OUTPUT.fullmatch(name)
    return bool(known or (writable and _INPUT.fullmatch(name)))


def statement(settings: Settings, *, writable: bool) -> str:
    """SET for them all; 2 is reading with settings, since clients give none to a server that refuses them."""
    text = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings)
    return f"SET {text}" if writable else f"SET {text}, readonly = 2"


def _cut(name: str, value: str) -> int:
    try:
        number = int(float(value))
    except (ValueError, OverflowError):
        raise RequestError(BAD_ARGUMENTS, f"setting {name} is a number") from None
    return min(number, _MOST[name]) if number > 0 else _MOST[name]


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
