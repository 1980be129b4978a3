from collections.abc import Iterable, Sequence
from mmap import mmap
from typing import final

from spotlane._core.structs import Struct
from spotlane.structs import OrderParams

_Bytes = bytes | bytearray | memoryview | mmap

@final
class Codec:
    def __new__(
        cls,
        params: type[Struct],
        symbol: type[Struct],
        *,
        sides: Sequence[object],
        order_types: Sequence[object],
        times: Sequence[object],
        states: Sequence[object],
        terminal: Iterable[object],
    ) -> Codec: ...

@final
class Scan:
    end: int
    sequence: int
    epoch: int
    first_epoch: int
    pid: int
    open: dict[str, int]
    trouble: str | None
    def __new__(cls, codec: Codec, data: _Bytes, start: int) -> Scan: ...

def find_record(data: _Bytes, start: int) -> int: ...
def record_at(data: _Bytes, start: int) -> bytes: ...
def read_intent(codec: Codec, record: bytes) -> tuple[str, OrderParams, int, int, int, int]: ...
