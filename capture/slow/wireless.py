"""IEEE 802.11 data frames in the clear, behind radiotap or bare."""

from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.ethertypes import llc

_DATA = 2
_TO_DS, _FROM_DS, _PROTECTED, _ORDER = 0x01, 0x02, 0x40, 0x80
_QOS, _NO_DATA = 0x8, 0x4
_AMSDU = 0x80


def radiotap(cursor: Cursor) -> Layer | End:
    """Version 0, pad, length in little-endian; the fields themselves do not matter here."""
    start = cursor.take(4)
    size = cursor.data[start + 2] | cursor.data[start + 3] << 8
    if cursor.data[start] or size < 4:
        raise DissectError(counters.MALFORMED)
    cursor.take(size - 4)
    return ieee80211


def ieee80211(cursor: Cursor) -> Layer | End:
    """IEEE 802.11-2020 9.3.2: a data frame's header, then LLC. Aggregates (A-MSDU) are left alone."""
    start = cursor.take(2)
    kind, flags = cursor.data[start], cursor.data[start + 1]
    subtype = kind >> 4
    if kind >> 2 & 3 != _DATA or kind & 3 or subtype & _NO_DATA:
        raise DissectError(counters.NOT_IP)
    cursor.take(28 if flags & _TO_DS and flags & _FROM_DS else 22)
    if subtype & _QOS:
        start = cursor.take(6 if flags & _ORDER else 2)
        if cursor.data[start] & _AMSDU:
            raise DissectError(counters.NOT_IP)
    if flags & _PROTECTED:
        raise DissectError(counters.ENCRYPTED)
    return llc
