"""Every bound of the parsers against hostile input. Lengths are octets unless named otherwise."""

from typing import Final

HEAD_LENGTH: Final = 65_536
"""Start line and headers of a SIP message; RFC 4475's longest (longreq) has 3.4 kB."""

HEADER_LINES: Final = 1_024
"""Header lines of a SIP message, folded lines counted."""

LIST_VALUES: Final = 256
"""Values one SIP header may list, over all its lines (RFC 4475 longreq has 34 Via)."""

PARAMETERS: Final = 128
"""Parameters of one URI or header value."""

CACHED_NAMES: Final = 64
"""Names of headers for which a regular expression is kept."""

CACHED_VALUE: Final = 256
"""Characters of the longest From or To value kept in the cache of parsed addresses."""

CACHED_ADDRESSES: Final = 4_096
"""Parsed From and To values kept."""

CACHED_REASONS: Final = 256
"""Parsed values of Reason kept."""

MULTIPART_DEPTH: Final = 4
"""Multipart bodies inside multipart bodies."""

MULTIPART_PARTS: Final = 32
"""Parts of one multipart body."""

SDP_LENGTH: Final = 65_536
"""A session description."""

SDP_LINES: Final = 2_048
"""Lines of a session description."""

SDP_MEDIA: Final = 64
"""Media of a session description."""

SDP_PAYLOADS: Final = 128
"""Payload types of one media: there are no more in RTP."""

SDP_CANDIDATES: Final = 64
"""ICE candidates of one media."""

SDP_GROUPS: Final = 16
"""BUNDLE groups of a session description."""

CACHED_SDP_LENGTH: Final = 4_096
"""Longest session description kept in the cache."""

CACHED_SDP: Final = 256
"""Session descriptions kept in the cache."""

CACHED_LEVEL_LENGTH: Final = 2_048
"""Characters of the longest media section of a session description kept in the cache."""

CACHED_LEVELS: Final = 512
"""Media sections kept in the cache."""

RTCP_PACKETS: Final = 64
"""RTCP packets of one compound datagram."""

RTCP_SOURCES: Final = 31
"""Sources one SDES or BYE packet names: its count has five bits."""

XR_BLOCKS: Final = 64
"""Report blocks of one RTCP XR packet."""
