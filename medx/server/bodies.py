"""What clients send, counted, and not waited for without end."""

from __future__ import annotations

import asyncio
import time

from starlette.types import Message, Receive

from medx.server.problems import Refused

#: Seconds a client may take to send its body.
BODY_SECONDS = 30.0

#: Bodies of the greatest size that may be held at a time.
MOST_BODIES = 8


class Bodies:
    """Counts the bytes of all bodies that are held.

    Args:
        max_bytes: Of one body.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0

    def check_announced(self, length: str) -> None:
        """Refuse a ``Content-Length`` that is too large.

        Raises:
            Refused: When it is.
        """
        if not length.isdecimal() or len(length) > 20 or int(length) > self.max_bytes:
            raise self.too_large()

    def too_large(self) -> Refused:
        """Return the refusal of a body."""
        return Refused(413, f"more than {self.max_bytes >> 20} MiB", "send a smaller file")


class Body:
    """One body; to be closed.

    Args:
        bodies: All of them.
        receive: Where it comes from.
    """

    def __init__(self, bodies: Bodies, receive: Receive) -> None:
        self._bodies, self._receive = bodies, receive
        self._received, self._complete = 0, False
        self._deadline = time.monotonic() + BODY_SECONDS
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        """Return the next message of the connection.

        Raises:
            Refused: When the body is too large or too slow, or too many are held.
        """
        if self._complete:  # from here on only a disconnect can come
            return await self._receive()
        try:
            left = max(0.0, self._deadline - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except asyncio.TimeoutError:
            raise self._refuse(Refused(408, "the body came too slowly", "send it again")) from None
        self._count(len(message.get("body", b"")))
        self._complete = not message.get("more_body", False)
        return message

    def close(self) -> None:
        """Hold it no longer."""
        self._bodies.held -= self._received
        self._received = 0

    def _count(self, size: int) -> None:
        self._received += size
        self._bodies.held += size
        if self._received > self._bodies.max_bytes:
            raise self._refuse(self._bodies.too_large())
        if self._bodies.held > MOST_BODIES * self._bodies.max_bytes:
            raise self._refuse(Refused(429, "too many uploads at once", "try again"))

    def _refuse(self, refused: Refused) -> Refused:
        self.refused = refused
        return refused
