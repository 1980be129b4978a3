"""The seam between the TCP server and an exchange's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it arrived: path and query undecoded, header names in lower case, the peer's IP address.

    received_ms is the exchange's time at which it had arrived; None means that it was executed at once.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer_ip: str
    received_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What is sent back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
