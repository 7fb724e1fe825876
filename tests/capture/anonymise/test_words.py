"""Masks of words and addresses: laws that hold for any of them."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from capture.anonymise.addresses import Addresses
from capture.anonymise.words import Words

KEY = bytes(range(32))
words = st.from_regex(rb"[0-9A-Za-z\x80-\xff]{1,40}", fullmatch=True)
ipv4 = st.binary(min_size=4, max_size=4)
ipv6 = st.binary(min_size=16, max_size=16)


@given(words)
def test_a_mask_keeps_length_case_and_digits(word: bytes) -> None:
    masked = Words(KEY).mask(word)
    assert len(masked) == len(word)
    assert masked.isascii()
    for old, new in zip(word.decode("latin-1"), masked.decode("ascii"), strict=True):
        assert new.isdigit() == (old in "0123456789")
        if old.isascii():
            assert new.isupper() == old.isupper()


@given(st.lists(st.from_regex(rb"[0-9a-z]{6,12}", fullmatch=True), min_size=2, max_size=40, unique=True))
def test_two_words_never_get_one_mask(several: list[bytes]) -> None:
    masks = Words(KEY, frozenset(several))
    masked = [masks.mask(word) for word in several]
    assert len(set(masked)) == len(several)
    assert not set(masked) & set(several)
    assert [masks.mask(word.upper()).lower() for word in several] == masked


def test_few_words_of_a_length_are_told_apart_while_there_are_enough() -> None:
    masks = Words(KEY)
    assert len({masks.mask(b"%02d" % number) for number in range(10)}) == 10
    assert len(masks.mask(b"7")) == 1


def test_who_withheld_the_name_stays_unknown() -> None:
    assert Words(KEY).mask(b"Anonymous") == b"Anonymous"


@given(st.lists(ipv4, min_size=1, max_size=30, unique=True))
def test_ipv4_keeps_what_it_is(several: list[bytes]) -> None:
    masks = Addresses(KEY)
    for ip in several:
        old, new = ip_address(ip), ip_address(masks.mask(ip))
        assert len(str(new)) == len(str(old))
        assert (new.is_private or new.is_multicast) >= (new.is_multicast and old.is_multicast)
        if ip[0] in (10, 127) or ip[:2] == b"\xc0\xa8":
            assert new.is_private
    networks: dict[bytes, set[bytes]] = {}
    for ip in several:
        networks.setdefault(ip[:3], set()).add(masks.mask(ip)[:3])
    assert all(len(masked) == 1 for masked in networks.values())


@given(st.lists(ipv4, min_size=2, max_size=30, unique=True))
def test_two_ipv4_addresses_stay_two(several: list[bytes]) -> None:
    masks = Addresses(KEY)
    assert len({masks.mask(ip) for ip in several}) == len(several)


@given(ipv6)
def test_ipv6_in_any_spelling_keeps_its_length(ip: bytes) -> None:
    address = ip_address(ip)
    masks = Addresses(KEY)
    masked = masks.mask(ip)
    for text in (address.compressed, address.exploded, address.compressed.upper()):
        new = masks.mask_text(text.encode())
        assert new is not None
        assert len(new) == len(text)
        if "." not in text:
            assert ip_address(new.decode()).packed == masked


def test_no_network_of_the_capture_is_a_mask() -> None:
    capture = [bytes((192, 168, third, host)) for third in (1, 2, 5) for host in (1, 7, 30)]
    masks = Addresses(KEY, capture)
    assert not {masks.mask(ip)[:3] for ip in capture} & {ip[:3] for ip in capture}


def test_what_means_something_stays() -> None:
    masks = Addresses(KEY)
    for text in (b"127.0.0.1", b"0.0.0.0", b"224.0.1.75", b"::1", b"::", b"ff02::1", b"255.255.255.255"):
        assert masks.mask_text(text) == text
    assert masks.mask_text(b"fe80::1:2") != b"fe80::1:2"
    assert (masks.mask_text(b"fe80::1:2") or b"").startswith(b"fe80::")
    assert masks.mask_text(b"1.2.3") is None
    assert masks.mask_text(b"10.010.1.1") is None


def test_a_mapped_address_is_masked_as_the_one_it_maps() -> None:
    masks = Addresses(KEY)
    assert masks.mask_text(b"::ffff:8.8.4.4") == b"::ffff:" + (masks.mask_text(b"8.8.4.4") or b"")
