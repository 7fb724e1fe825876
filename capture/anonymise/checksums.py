"""Checksums of packets: the Internet's (RFC 1071), and that of SCTP (RFC 9260 appendix A)."""

from typing import Final

_POLYNOMIAL: Final = 0x82F63B78


def internet_checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum of 16-bit words.

    The words in one number: its remainder by 65535 is their sum with the carries taken in.
    """
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    remainder = total % 0xFFFF
    return 0xFFFF ^ (remainder or (0xFFFF if total else 0))


def crc32c(data: bytes) -> int:
    """CRC32c, Castagnoli's polynomial reflected."""
    crc = 0xFFFF_FFFF
    for octet in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFF_FFFF


def _entry(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ (_POLYNOMIAL if number & 1 else 0)
    return number


_TABLE: Final = [_entry(number) for number in range(256)]
