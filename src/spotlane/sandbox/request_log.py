"""The requests that a sandbox received, for assertions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from spotlane.sandbox.faults import Fault


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it arrived, its signature removed from query and body.

    connection numbers the connection, from 1. fault is the one that hit it. is_executed is False where a fault kept
    the request from the exchange for good. A request cut off by a fault before it was whole has an empty body.
    """

    connection: int
    method: str
    path: str
    query: str
    body: bytes
    fault: Fault | None
    is_executed: bool


class RequestLog:
    """The requests that arrived, oldest first: the newest `limit` of them, and the number of all (total)."""

    def __init__(self, limit: int) -> None:
        self.total = 0
        self._kept: deque[ReceivedRequest] = deque(maxlen=limit)

    def __iter__(self) -> Iterator[ReceivedRequest]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> ReceivedRequest:
        return self._kept[index]

    def find(self, method: str | None = None, path: str | None = None) -> list[ReceivedRequest]:
        """Return the kept requests of this method and exact path; None matches any."""
        return [
            request
            for request in self._kept
            if (method is None or request.method == method.upper()) and (path is None or request.path == path)
        ]

    def count(self, method: str | None = None, path: str | None = None) -> int:
        """Return how many kept requests have this method and exact path; None matches any."""
        return len(self.find(method, path))

    def clear(self) -> None:
        """Forget every request and count from 0 again."""
        self.total = 0
        self._kept.clear()

    def append(self, request: ReceivedRequest) -> None:
        """Add a request."""
        self.total += 1
        self._kept.append(request)


def without_signature(parameters: bytes) -> bytes:
    """Return form parameters without the one named signature."""
    if b"signature=" not in parameters.lower():
        return parameters
    kept = [part for part in parameters.split(b"&") if not part.lower().startswith(b"signature=")]
    return b"&".join(kept)
