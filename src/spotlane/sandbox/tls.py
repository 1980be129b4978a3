"""A certificate authority of the sandbox's own, made afresh for each TLS sandbox."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from spotlane.errors import UsageError


@dataclass(frozen=True, slots=True)
class TlsPair:
    """The server's context, a client's context that trusts it and nothing else, and the authority as PEM."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    authority_pem: bytes


def make_tls_pair(host: str) -> TlsPair:
    """Make a certificate for host, localhost and the loopback addresses, and the contexts that go with it.

    The client's context verifies certificate and name as any other does. Raises UsageError where trustme is missing.
    """
    try:
        import trustme
    except ImportError:
        raise UsageError(
            "a sandbox with TLS needs the trustme package: pip install 'spotlane[sandbox]', or use tls=False"
        ) from None
    authority = trustme.CA()
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", host))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(server)
    client = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode("ascii"))
    return TlsPair(server, client, authority.cert_pem.bytes())
