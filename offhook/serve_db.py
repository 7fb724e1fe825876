"""`offhook serve-db`: a store for other programs, until it is told to stop."""

import argparse
import asyncio
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offhook.errors import DONE, CommandError, UsageError
from offhook.tls import server_tls
from sinks.clickhouse.errors import NotInstalledError
from sinks.clickhouse.migrate import migrate

TOKEN: Final = "OFFHOOK_DB_TOKEN"


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, or an error of a room."""
    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}: a port is 0 to 65535")
    asyncio.run(serve(options, token(options.token_file), server_tls(options)))
    return DONE


def token(file: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token of --token-file, else of the environment; None where neither is given."""
    from sinks.clickhouse.served.bounds import TOKEN_BYTES

    if file is None:
        return environment.get(TOKEN) or None
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(TOKEN_BYTES).decode().strip()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror} (--token-file)") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file}: no UTF-8 (--token-file)") from None
    if not text:
        raise CommandError(f"{file}: empty (--token-file)")
    return text


async def serve(options: argparse.Namespace, secret: str | None, tls: ssl.SSLContext | None) -> None:
    """Serve until SIGTERM or ^C; then answer what is under way for some seconds."""
    try:
        from sinks.clickhouse.served import Server, open_guarded
    except ImportError:
        raise NotInstalledError("serving a store needs aiohttp: pip install 'offhook[store]'") from None
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    with open_guarded(options.db, create=True) as store:
        migrate(store)
        server = Server(store, options.host, options.port, token=secret, writable=options.write, tls=tls)
        await server.start()
        try:
            how = "reading and writing" if options.write else "reading"
            print(f"{server.address} serves {store.target} for {how}; ^C ends it", flush=True)
            await stopping.wait()
        finally:
            await server.stop()
