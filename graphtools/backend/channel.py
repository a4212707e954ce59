"""Messages between the two sides: a JSON object, and bytes that are too many for it. Nothing is unpickled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of a connection. Any thread may send; one thread receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: Message, blobs: Sequence[bytes] = ()) -> None:
        """Sends a message whole. Raises OSError if nobody is there."""
        header = json.dumps({**message, "blobs": len(blobs)}, allow_nan=False).encode()
        with self._sending, self._open():
            self._connection.send_bytes(header)
            for blob in blobs:
                self._connection.send_bytes(blob)

    def receive(self) -> tuple[Message, list[bytes]]:
        """The next message. Waits for it; raises EOFError or OSError when the other end is gone."""
        with self._open():
            message = json.loads(self._connection.recv_bytes())
            return message, [self._connection.recv_bytes() for _ in range(message.pop("blobs"))]

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Raises OSError where another thread closes this end meanwhile, which the connection says in other ways."""
        try:
            yield
        except TypeError:
            if self._connection.closed:
                raise OSError("closed") from None
            raise
