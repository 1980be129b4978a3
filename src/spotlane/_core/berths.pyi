from asyncio import Future
from collections.abc import Callable
from typing import Any, Protocol, final

from typing_extensions import disjoint_base

from spotlane._core.lane import Lane, Preamble, _Outcome
from spotlane._core.signing import Signed

@disjoint_base
class Berth:
    opened_s: float
    idle_since_s: float
    lane: Lane | None
    def is_silent(self) -> bool: ...

@final
class Berths:
    retire_after_s: float
    waiting: int
    waiting_cancels: int
    def __new__(
        cls,
        *,
        places: int,
        reserve: int,
        retire_after_s: float,
        oldest_s: float,
        on_drop: Callable[[Any, bool], object],
    ) -> Berths: ...
    @property
    def idle(self) -> list[Any]: ...
    @property
    def busy(self) -> set[Any]: ...
    @property
    def free(self) -> int: ...
    def has_place(self, is_cancel: bool) -> bool: ...
    def is_open_to(self, is_cancel: bool) -> bool: ...
    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def is_due(self, berth: Berth, now_s: float) -> bool: ...
    def pick(self, now_s: float) -> Any: ...
    def put_back(self, berth: Berth, used_s: float) -> bool: ...

class _Endpoint(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def max_reply_bytes(self) -> int: ...

class _Request(Protocol):
    @property
    def endpoint(self) -> _Endpoint: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...

class _Stages(Protocol):
    queued_s: float
    signed_s: float
    written_s: float
    first_byte_s: float

_Started = tuple[Future[_Outcome | str], Any, int | None]

@final
class Sender:
    def __new__(
        cls, berths: Berths, preamble: Preamble, monotonic: Callable[[], float], *, cancel: object, read: object
    ) -> Sender: ...
    def start(
        self,
        request: _Request,
        seal: Callable[[Any], tuple[Signed | None, int | None]],
        deadline_s: float,
        stages: _Stages | None,
    ) -> _Started | None: ...
    def write(
        self,
        berth: Berth,
        request: _Request,
        seal: Callable[[Any], tuple[Signed | None, int | None]],
        deadline_s: float,
        stages: _Stages | None,
    ) -> _Started: ...
