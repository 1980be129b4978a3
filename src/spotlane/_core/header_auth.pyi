from collections.abc import Mapping
from typing import Literal, NoReturn, final

from spotlane._core.signing import Hmac, Signed

@final
class HeaderAuth:
    def __new__(
        cls,
        *,
        signer: Hmac,
        api_key: str,
        api_key_header: str = "KEY",
        timestamp_header: str = "Timestamp",
        signature_header: str = "SIGN",
        timestamp_unit: Literal["s", "ms"] = "s",
        expiry_header: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HeaderAuth: ...
    def sign(
        self, method: str, path: str | bytes, query: bytes, body: bytes, stamp_ms: int, expires_ms: int | None
    ) -> Signed: ...
    def __reduce__(self) -> NoReturn: ...
