"""The certificate that a server shows."""

from __future__ import annotations

import argparse
import ssl
from pathlib import Path

from offhook.errors import CommandError, UsageError


def server_tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the files of --tls-cert and --tls-key; None where none is given.

    Raises UsageError for a key without a certificate, CommandError where a file cannot be used.
    """
    certificate, key = options.tls_cert, options.tls_key
    if certificate is None:
        if key is not None:
            raise UsageError("--tls-key is of a certificate: give --tls-cert too")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name in filter(None, (certificate, key)):
        _readable(name)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else it would ask on the terminal
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", None) or error
        files = certificate if key is None else f"{certificate}, {key}"
        raise CommandError(
            f"{files}: no certificate with its unencrypted key, in PEM ({said}): --tls-cert, --tls-key"
        ) from None
    return context


def _readable(name: str) -> None:
    try:
        with Path(name).open("rb"):
            pass
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror} (--tls-cert, --tls-key)") from None
