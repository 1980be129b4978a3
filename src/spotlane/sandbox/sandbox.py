"""A whole exchange on a local TCP port: engine, dialect and server put together."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Any, ClassVar, Protocol

from spotlane import registry
from spotlane.credentials import Credentials
from spotlane.errors import UsageError
from spotlane.sandbox.clock import SandboxClock
from spotlane.sandbox.connector import memory_session
from spotlane.sandbox.controls import DialectControls
from spotlane.sandbox.engine import Engine, EngineSettings
from spotlane.sandbox.faults import Fault, FaultPlan
from spotlane.sandbox.http import HttpReply, HttpRequest
from spotlane.sandbox.ledger import Ledger
from spotlane.sandbox.listeners import Listener, MemoryListener, TcpListener
from spotlane.sandbox.outages import Outages
from spotlane.sandbox.request_log import RequestLog
from spotlane.sandbox.server import ExchangeServer
from spotlane.sandbox.settings import ServerSettings, sort_settings
from spotlane.sandbox.tls import TlsPair, make_tls_pair
from spotlane.sandbox.virtual import VirtualClock, VirtualLoop


class Dialect(DialectControls, Protocol):
    """An exchange seen from the server: DIALECT of its dialect.py.

    settings_type is a frozen dataclass whose fields all have defaults; Sandbox passes an instance on. engine_settings
    are the engine's settings for this exchange, before the caller's own. api_key and api_secret are the credentials of
    the account that trades.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Any]]
    engine_settings: ClassVar[EngineSettings]
    api_key: str
    api_secret: str

    def __init__(self, engine: Engine, settings: Any) -> None: ...

    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one request; pure computation."""


class Sandbox:
    """A local exchange; `async with Sandbox("mexc") as venue` or start() and stop().

    port 0 takes any free one, and a restart takes the same again. seed decides the order book, the keys and which
    requests a fault with a probability hits. faults are Fault objects or their text form. settings are fields of
    ServerSettings, of EngineSettings and of the exchange's own settings. Raises UsageError naming an unknown exchange,
    setting or fault and the nearest known one.
    """

    def __init__(
        self,
        exchange: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        seed: int = 0,
        faults: Iterable[Fault | str] = (),
        **settings: Any,
    ) -> None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
            raise UsageError(f"port must be an int from 0 (any free one) to 65535, was {port!r}")
        dialect: type[Dialect] = registry.dialect_class(exchange)
        server_settings, engine_settings, dialect_settings = sort_settings(
            dialect.name, dialect.engine_settings, dialect.settings_type, settings
        )
        self.exchange = exchange
        self._host = host
        self._virtual = _virtual_loop()
        if self._virtual is not None and tls:
            raise UsageError("in virtual time there is no TLS: leave tls=True out")
        self.clock = SandboxClock() if self._virtual is None else SandboxClock(source=self._virtual.time_ms)
        self.engine = Engine(clock=self.clock, seed=seed, settings=engine_settings)
        self.dialect = dialect(self.engine, dialect_settings)
        self.faults = FaultPlan(seed)
        self.faults.add(*faults)
        self._tls: TlsPair | None = make_tls_pair(host) if tls else None
        self._is_started = False
        listener: Listener
        if self._virtual is None:
            listener = TcpListener(host, port, self._tls.server if self._tls else None)
        else:
            listener = MemoryListener(self._virtual.network, port)
        self._server = ExchangeServer(
            self.dialect.handle,
            self.faults,
            listener,
            now_ms=self.clock.now_ms,
            shift_clock=self._shift_clock,
            latency_s=server_settings.latency_s,
            keepalive_timeout_s=server_settings.keepalive_timeout_s,
            kept_requests=server_settings.kept_requests,
        )

        self.outages = Outages(self._server, self.faults, None if self._virtual is None else self._virtual.network)

    @property
    def url(self) -> str:
        """Scheme, host and port, for a client's base_url. Raises UsageError before the sandbox was started."""
        if not self._server.port:
            raise UsageError("the sandbox has no url before it is started: use `async with Sandbox(...)` or start()")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._server.port}"

    @property
    def client_options(self) -> dict[str, Any]:
        """The options that lead a spotlane client here: MexcPrivateRest(venue.credentials, **venue.client_options).

        base_url, with TLS ssl_context, and in virtual time session and clock. Raises UsageError before the sandbox was
        started.
        """
        options: dict[str, Any] = {"base_url": self.url}
        if self._tls is not None:
            options["ssl_context"] = self._tls.client
        if self._virtual is not None:
            options |= {"session": memory_session(self._virtual.network), "clock": VirtualClock(self._virtual)}
        return options

    @property
    def port(self) -> int:
        """The TCP port; 0 before a sandbox with any free port was started."""
        return self._server.port

    @property
    def api_key(self) -> str:
        """The key of the account that trades."""
        return self.dialect.api_key

    @property
    def api_secret(self) -> str:
        """The secret that belongs to api_key."""
        return self.dialect.api_secret

    @property
    def credentials(self) -> Credentials:
        """api_key and api_secret as a spotlane client takes them."""
        return Credentials(self.api_key, self.api_secret)

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """A client-side context that trusts this sandbox's certificate; None without TLS."""
        return self._tls.client if self._tls else None

    @property
    def authority_pem(self) -> bytes | None:
        """The certificate authority behind this sandbox's certificate, as PEM; None without TLS."""
        return self._tls.authority_pem if self._tls else None

    @property
    def ledger(self) -> Ledger:
        """What really happened at the exchange."""
        return self.engine.ledger

    @property
    def requests(self) -> RequestLog:
        """The requests that arrived, without their signatures."""
        return self._server.requests

    @property
    def connections_accepted(self) -> int:
        """How many connections were accepted so far."""
        return self._server.connections_accepted

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return len(self._server.connections)

    @property
    def errors(self) -> tuple[Exception, ...]:
        """Faults of the sandbox itself: what its dialect raised; the client got HTTP 500 for each."""
        return tuple(self._server.errors)

    @property
    def latency_s(self) -> float:
        """Seconds waited before each request is executed; may be set at any time."""
        return self._server.latency_s

    @latency_s.setter
    def latency_s(self, latency_s: float) -> None:
        ServerSettings(latency_s=latency_s)
        self._server.latency_s = latency_s

    async def start(self) -> None:
        """Begin to listen. Raises UsageError where it already does, OSError where the port is taken."""
        if self._is_started:
            raise UsageError("this sandbox is already started")
        if _virtual_loop() is not self._virtual:
            raise UsageError("a sandbox starts where it was made: make it inside run_virtual() to start it there")
        await self._server.start()
        self._is_started = True

    async def stop(self) -> None:
        """Close every connection and free the port; the exchange's state stays. Does nothing when stopped."""
        if self._is_started:
            self._is_started = False
            self.outages.end()
            await self._server.stop()

    async def down(self) -> None:
        """Begin an outage: every connection is closed, new ones are refused, the port stays reserved."""
        await self._server.down()

    async def up(self) -> None:
        """End an outage: listen again on the same port, with the state as it was."""
        if not self._is_started:
            raise UsageError("this sandbox is not started; up() ends an outage begun by down()")
        self._server.listen()

    def freeze(self) -> None:
        """Go silent: connections are accepted, but nothing is read or answered until thaw()."""
        self._server.freeze()

    def thaw(self) -> None:
        """End freeze(): what was sent meanwhile is executed now."""
        self._server.thaw()

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({self.exchange!r}, port={self.port}, tls={self._tls is not None})"

    def _shift_clock(self, shift_ms: int) -> None:
        self.clock.offset_ms += shift_ms


def _virtual_loop() -> VirtualLoop | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualLoop) else None
