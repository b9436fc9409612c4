"""Serve until told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import math
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import numpy as np
import uvicorn
from fastapi import FastAPI

from medx.case.config import STRATEGY
from medx.case.workbench import Workbench, open_workbench
from medx.core.console import note
from medx.core.errors import InputError
from medx.core.settings import DISCLAIMER
from medx.server.app import Server, create_app
from medx.server.config import ServeConfig
from medx.server.connections import Connection
from reportgen.config import ReportConfig

#: Bytes of request line and headers; more is refused.
MAX_HEADER_BYTES = 16 << 10

#: Seconds that clients get to hear that their work was given up.
FAREWELL_SECONDS = 5

_M_ARENA_MAX = -8  # of malloc.h


class SignalledServer(uvicorn.Server):
    """Ends in order on a signal; uvicorn alone would then raise it again, and die by it."""

    def __init__(self, settings: uvicorn.Config, server: Server, patience: float) -> None:
        super().__init__(settings)
        self._server, self._patience = server, patience
        self.signalled: int | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at a second signal end at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.signalled = self.signalled or sig

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is at work, or tell who asked for it that it was given up."""
        left = len(self.server_state.tasks)
        if left:
            note(f"stopping; what is at work has {self._patience:g} s (requests: {left})")
        asyncio.get_running_loop().call_later(self._patience, self._server.give_up)
        await super().shutdown(sockets)


def run_server(config: ServeConfig) -> int:
    """Listen, load the models, answer until a signal comes; return the exit status for it.

    Raises:
        InputError: When the address cannot be had.
        MedxError: When a model cannot be loaded.
    """
    _bound_arenas()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("medx").setLevel(logging.INFO)
    listener = _listen(config)
    port = listener.getsockname()[1]
    shown = f"[{config.host}]" if ":" in config.host else config.host
    note(f"medx is at http://{shown}:{port} (Ctrl-C stops it)")
    note(DISCLAIMER)
    app = create_app(config, lambda: open_bench(config))
    server = make_server(app, config)

    def stop() -> None:
        server.should_exit = True

    app.state.server.on_failure = stop
    server.run(sockets=[listener])
    if app.state.server.failure is not None:
        raise app.state.server.failure
    return 128 + signal.SIGINT if server.signalled == signal.SIGINT else 0


def leave(status: int) -> NoReturn:
    """End the process at once.

    Threads that no client waits for any more are not waited for; to take the libraries down
    object by object would take seconds, and whoever sent the signal may kill after ten.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def make_server(app: FastAPI, config: ServeConfig) -> SignalledServer:
    """Return what speaks HTTP for an application, within limits."""
    settings = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        proxy_headers=bool(config.public_host),  # else any client could claim any address
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=math.ceil(config.timeout_s) + FAREWELL_SECONDS,
        server_header=False,
        access_log=False,
        log_config=None,
    )
    return SignalledServer(settings, app.state.server, config.timeout_s)


def open_bench(config: ServeConfig) -> Workbench:
    """Load the models that ``config`` names, and use each once: the first use is the slow one."""
    bench = open_workbench(
        ReportConfig(
            dataset=config.dataset,
            run=config.run,
            index=config.index,
            backend=config.backend,
            uri=config.uri,
            engine=config.engine,
            model=config.model,
            weights=config.weights,
            base_url=config.base_url,
            device=config.device,
            strategies=(STRATEGY,),
        )
    )
    note(f"preparing the engine {bench.chosen.engine.name}")
    bench.chosen.engine.prepare()
    note("trying each model once")
    blank = np.zeros((bench.classifier.size, bench.classifier.size), np.uint8)
    bench.classifier.predict(["warm-up"], [blank])
    bench.gallery.encoder.embed_images([blank])
    note("the models are loaded")
    return bench


def _bound_arenas() -> None:
    """Let threads share two heaps: glibc's eight a core keep what large images leave in each."""
    with suppress(AttributeError, OSError):  # another C library has other knobs
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _listen(config: ServeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on {config.host}:{config.port}: {error.strerror}",
            hint="another server may run there: pass another --port, or --port 0",
        ) from error
    return listener
