from collections.abc import Callable
from typing import final

from spotlane._core.records import Codec
from spotlane._core.structs import Struct

@final
class Writer:
    size_bytes: int
    sequence: int
    epoch: int
    lost_notes: int
    failure: str | None
    def __new__(
        cls,
        codec: Codec,
        fd: int,
        path: str,
        *,
        size_bytes: int,
        sequence: int,
        epoch: int,
        write: Callable[[int, bytes], int] | None = None,
        truncate: Callable[[int, int], object] | None = None,
    ) -> Writer: ...
    @property
    def pending_bytes(self) -> int: ...
    def fail(self, reason: str) -> None: ...
    def leave_to_parent(self) -> None: ...
    def append_epoch(self, now_ms: int, pid: int) -> None: ...
    def append_intent(
        self, client_order_id: str, params: Struct, now_ms: int, not_after_ms: int, window_ms: int
    ) -> None: ...
    def note(self, client_order_id: str, state: object, order_id: str | None, now_ms: int) -> None: ...
    def carry(self, record: bytes) -> None: ...
    def flush(self) -> None: ...
