"""Find a call in a capture by its Call-ID, and what else bears on its record."""

from capture.cutting.directory import Directory
from capture.cutting.gather import sip_of
from capture.cutting.scan import Scan
from protocols.sip import call_id_of


def directory_of(scan: Scan, directory: Directory) -> Directory:
    """Walk the capture once and note every SIP message."""
    for sight in scan:
        for datagram in sight.datagrams:
            message = sip_of(datagram)
            if message is not None and (call_id := call_id_of(message)) is not None:
                directory.note(call_id, message, datagram.src_ip, datagram.time_ns)
    return directory
