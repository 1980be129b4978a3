from asyncio import AbstractEventLoop, Future, Transport
from collections.abc import Callable
from typing import Protocol, final

from spotlane._core.signing import Signed

class _Timer(Protocol):
    def cancel(self) -> None: ...

class _Clock(Protocol):
    def monotonic(self) -> float: ...
    def call_later(self, delay_s: float, callback: Callable[[], object]) -> _Timer: ...

class _Stages(Protocol):
    first_byte_s: float

@final
class Preamble:
    def __new__(cls, headers: dict[str, str]) -> Preamble: ...

# Status, header fields, body, when it was whole.
_Outcome = tuple[int, list[tuple[bytes, bytes]], bytes, float]

class LaneFault(Exception):
    may_have_left: bool
    def __init__(self, reason: str, may_have_left: bool) -> None: ...

@final
class Lane:
    def __new__(
        cls,
        transport: Transport,
        closed: Future[None] | None,
        *,
        descriptor: int,
        loop: AbstractEventLoop,
        clock: _Clock,
        on_fault: Callable[[str], object] | None = None,
    ) -> Lane: ...
    @property
    def is_dead(self) -> bool: ...
    @property
    def written_s(self) -> float: ...
    @property
    def may_have_left(self) -> bool: ...
    @property
    def keepalive(self) -> bytes | None: ...
    def is_silent(self) -> bool: ...
    def send(
        self,
        method: str,
        path: str,
        query: bytes,
        signed: Signed | None,
        preamble: Preamble,
        body: bytes,
        limit: int,
        may_end_with_connection: bool,
        deadline_s: float,
        stages: _Stages | None,
    ) -> Future[_Outcome | str]: ...
    def feed_data(self, data: bytes) -> tuple[bool, bytes]: ...
    def feed_eof(self) -> None: ...
    def abort(self) -> None: ...
