"""What goes into the transport and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from multidict import CIMultiDict, CIMultiDictProxy

from spotlane._core.signing import Signed
from spotlane.errors import TransportError
from spotlane.spec import Endpoint
from spotlane.transport.stages import Stages
from spotlane.transport.status import CarrierStatus


class Authenticator(Protocol):
    """Stamps and signs a request. Called last, when a connection is in hand and the bytes are about to be written."""

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        """Return the signed form of a request; stamp_ms is the exchange's time in milliseconds."""
        ...


class Request(NamedTuple):
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
        path = endpoint.path + suffix if suffix else endpoint.path
        # What a NamedTuple's own constructor does, without another call for each request.
        return tuple.__new__(cls, (endpoint, path, query, body, not_after_ms, window_ms, symbol))

    def fenced(self, not_after_ms: int, window_ms: int) -> Request:
        """Return the request with a last moment for its stamp and a length of its validity."""
        return self._replace(not_after_ms=not_after_ms, window_ms=window_ms)

    @property
    def what(self) -> str:
        """The request in messages: its method and path."""
        return f"{self.endpoint.method} {self.path}"


class Sending:
    """One sending of a request. stamp_ms is its stamp, None as long as no byte of it can have left.

    sent_s is when it was stamped, on the transport clock's monotonic scale.
    """

    stamp_ms: int | None = None
    sent_s = 0.0


class Origin(Protocol):
    """The connection that a reply came over."""

    def distrust(self) -> None:
        """Close the connection, in use or not: what it delivers can't be trusted."""
        ...


class Reply:
    """A whole reply: status, headers (case-insensitive names), body as received.

    stamp_ms is the exchange time that was signed into the request, or None for an unsigned one. written_s and
    received_s are when the request was written and the reply was whole, on the transport clock's monotonic scale.
    fields are pairs of name and value, from which the headers are made when somebody asks. stages, where somebody
    listens to them, are to be finished by whoever understands the reply.
    """

    __slots__ = ("_headers", "body", "fields", "origin", "received_s", "stages", "stamp_ms", "status", "written_s")

    def __init__(
        self,
        status: int,
        fields: Sequence[tuple[bytes, bytes]],
        body: bytes,
        stamp_ms: int | None = None,
        written_s: float = 0.0,
        received_s: float = 0.0,
        origin: Origin | None = None,
    ) -> None:
        self.status = status
        self.fields = fields
        self.body = body
        self.stamp_ms = stamp_ms
        self.written_s = written_s
        self.received_s = received_s
        self.origin = origin
        self.stages: Stages | None = None
        self._headers: Mapping[str, str] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields, by names whose case does not matter."""
        if self._headers is None:
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.fields]
            self._headers = CIMultiDictProxy(CIMultiDict(pairs))
        return self._headers

    def distrust(self) -> None:
        """Close the connection that it came over: it is not, or may not be, the answer to its request."""
        origin, self.origin = self.origin, None
        if origin is not None:
            origin.distrust()

    def __repr__(self) -> str:
        # Neither headers nor body: exchanges echo what was signed in their error messages.
        return f"<Reply {self.status}, {len(self.body)} bytes>"


class ReplyLost(TransportError):
    """The request may have left, and no usable reply came back. reason is one of the words of LOSS_REASONS.

    Never shown to a caller: a read turns it into ReadFailed, everything else into OutcomeUnknown.
    """

    safe_to_retry = False

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


LOSS_REASONS = ("deadline", "disconnected", "truncated", "oversize", "encoded", "malformed", "lane")


class Sealed(NamedTuple):
    """What is written: the signed form, or None for an unsigned request, and the stamp in it."""

    signed: Signed | None
    stamp_ms: int | None


# Gives a request its final form at the last moment: stamp, refusal when too late, signature. Raises NotSent when
# not_after_ms has passed.
Seal = Callable[[Request], Sealed]


class Carrier(Protocol):
    """One way of moving signed bytes: the lane, the plain aiohttp path, or memory."""

    async def open(self) -> None:
        """Warm the connections that are kept."""
        ...

    def carry(
        self, request: Request, seal: Seal, *, deadline: float, stages: Stages | None = None
    ) -> Coroutine[Any, Any, Reply]:
        """Send one request and return its whole reply.

        deadline is on the transport clock's monotonic scale. stages is told of each stage. Raises NotSent where no byte
        left and ReplyLost where one may have.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    def status(self) -> CarrierStatus:
        """Return how many connections there are and were."""
        ...


def target_of(request: Request, sealed: Sealed) -> str:
    """Return what stands in the request line. It holds the signature: pass it on, keep it nowhere."""
    if sealed.signed is not None:
        return sealed.signed.target
    return f"{request.path}?{request.query.decode('ascii')}" if request.query else request.path
