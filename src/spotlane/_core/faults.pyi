from spotlane.errors import DecodeError

__pyx_capi__: dict[str, object]

class UnknownWireSymbol(DecodeError):
    unknown_symbol: str
    def __init__(
        self, message: str, *, unknown_symbol: str, endpoint: str = "", field: str | None = None, excerpt: str = ""
    ) -> None: ...
