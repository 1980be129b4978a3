"""How MEXC's requests are signed: a signature over the query string, appended to it."""

from __future__ import annotations

from spotlane._core.signing import QueryAuth, Signed
from spotlane.credentials import Credentials
from spotlane.transport import Request

# What MEXC applies when none is sent; sent all the same, so that the window is ours and not a default that may change.
_READ_WINDOW_MS = 5_000


class MexcAuthenticator:
    """Appends recvWindow, timestamp and signature to the query; MEXC signs neither method nor path nor headers.

    Content-Type: application/json is sent with every signed request, GET included: MEXC answers 700013 to others.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._auth = QueryAuth(
            signer=credentials.signer("sha256"),
            api_key=credentials.api_key,
            api_key_header="X-MEXC-APIKEY",
            headers={"Content-Type": "application/json"},
        )

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        """Return the signed form of a request."""
        return self._auth.sign(request.path, request.query, stamp_ms, request.window_ms or _READ_WINDOW_MS)
