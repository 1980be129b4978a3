"""What goes into the transport and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from spotlane._core.signing import Signed
from spotlane.errors import TransportError
from spotlane.spec import Endpoint
from spotlane.transport.status import CarrierStatus


class Authenticator(Protocol):
    """Stamps and signs a request. Called last, when a connection is in hand and the bytes are about to be written."""

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        """Return the signed form of a request; stamp_ms is the exchange's time in milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request without stamp or signature.

    query is RFC 3986 encoded and unsigned; path is the endpoint's with its ids put in. not_after_ms is the last moment,
    in the exchange's time, at which it may be stamped (None: any time before the deadline). window_ms is how long the
    exchange may admit it after its stamp. symbol is the wire name of what it trades, where rates are limited by it.
    """

    endpoint: Endpoint
    path: str
    query: bytes = b""
    body: bytes = b""
    not_after_ms: int | None = None
    window_ms: int | None = None
    symbol: str = ""

    @classmethod
    def to(
        cls,
        endpoint: Endpoint,
        query: bytes = b"",
        *,
        body: bytes = b"",
        suffix: str = "",
        not_after_ms: int | None = None,
        window_ms: int | None = None,
        symbol: str = "",
    ) -> Self:
        """Make a request to an endpoint's own path; suffix is what an id adds to it, already quoted."""
        return cls(endpoint, endpoint.path + suffix, query, body, not_after_ms, window_ms, symbol)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: status, header fields (case-insensitive names), body as received.

    stamp_ms is the exchange time that was signed into the request, or None for an unsigned one. written_s and
    received_s are when the request was written and the reply was whole, on the transport clock's monotonic scale.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    # Out of the repr, because exchanges echo what was signed in their error messages.
    body: bytes = field(repr=False)
    stamp_ms: int | None = None
    written_s: float = 0.0
    received_s: float = 0.0


class ReplyLost(TransportError):
    """The request may have left, and no usable reply came back. reason is one of the words of LOSS_REASONS.

    Never shown to a caller: a read turns it into ReadFailed, everything else into OutcomeUnknown.
    """

    safe_to_retry = False

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


LOSS_REASONS = ("deadline", "disconnected", "truncated", "oversize", "encoded", "malformed")


class Carrier(Protocol):
    """One way of moving signed bytes: the plain aiohttp path, the lane, or memory."""

    async def open(self) -> None:
        """Warm the connections that are kept."""
        ...

    async def carry(self, request: Request, seal: Seal, *, deadline: float) -> Reply:
        """Send one request and return its whole reply.

        deadline is on the transport clock's monotonic scale. Raises NotSent where no byte left and ReplyLost where one
        may have.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    def status(self) -> CarrierStatus:
        """Return how many connections there are and were."""
        ...


class Seal(Protocol):
    """Gives a request its final form at the last moment: stamp, refusal when too late, signature."""

    def __call__(self) -> Sealed:
        """Return the bytes to write. Raises NotSent when not_after_ms has passed."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is written: the signed form, or None for an unsigned request, and the stamp in it."""

    signed: Signed | None
    stamp_ms: int | None


def target_of(request: Request, sealed: Sealed) -> str:
    """Return what stands in the request line. It holds the signature: pass it on, keep it nowhere."""
    if sealed.signed is not None:
        return sealed.signed.target
    return f"{request.path}?{request.query.decode('ascii')}" if request.query else request.path
