"""How Gate's requests are signed: a header over method, path, query, body digest and time."""

from __future__ import annotations

from spotlane._core.header_auth import HeaderAuth
from spotlane._core.signing import Signed
from spotlane.credentials import Credentials
from spotlane.transport import Request


class GateioAuthenticator:
    """Signs METHOD, path, un-encoded query, SHA-512 of the body and the time in seconds with HMAC-SHA512.

    A request with a window carries X-Gate-Exptime: Gate refuses it when it arrives later than that.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._auth = HeaderAuth(
            signer=credentials.signer("sha512"),
            api_key=credentials.api_key,
            api_key_header="KEY",
            timestamp_header="Timestamp",
            signature_header="SIGN",
            timestamp_unit="s",
            expiry_header="X-Gate-Exptime",
            headers={"Accept": "application/json", "Content-Type": "application/json"},
        )

    def sign(self, request: Request, stamp_ms: int) -> Signed:
        """Return the signed form of a request."""
        expires_ms = None if request.window_ms is None else stamp_ms + request.window_ms
        return self._auth.sign(request.endpoint.method, request.path, request.query, request.body, stamp_ms, expires_ms)
