"""How Binance's requests are signed: a signature over the query string, appended to it."""

from __future__ import annotations

from spotlane._core.signing import QueryAuth, Signed
from spotlane.credentials import Credentials
from spotlane.transport import Request

_READ_WINDOW_MS = 5_000


class BinanceAuthenticator:
    """Appends window, timestamp and signature to the query; the key goes into a header. Bodies stay empty."""

    def __init__(self, credentials: Credentials) -> None:
        self._auth = QueryAuth(
            signer=credentials.signer("sha256"), api_key=credentials.api_key, api_key_header="X-MBX-APIKEY"
        )

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        """Return the signed form of a request."""
        return self._auth.sign(request.path, request.query, stamp_ms, request.window_ms or _READ_WINDOW_MS)
