"""Every error that spotlane raises.

SpotlaneError                     .safe_to_retry on every one
├── UsageError(ValueError)        the caller's mistake; nothing was sent
│   ├── PrecisionError            more decimals than the symbol's tick or lot allows
│   ├── MinimumError              below a minimum quantity or notional
│   ├── MaximumError              above a maximum quantity or notional
│   ├── UnknownSymbol             no such symbol on this exchange
│   ├── SymbolNotTradable         known, but closed to this side, this type or to the API
│   ├── NotSupported              the exchange cannot do this; names the alternative
│   │   └── HistoryIncomplete     the part of a history that the exchange does not give
│   ├── WithdrawalRefused         the local policy says no
│   │   └── WithdrawalsStopped    its file or its ledger is unusable; a StateError, too
│   ├── AddressError              no address of its chain, or a memo that doesn't fit it
│   └── WrongContext              another loop, thread or process than the one that opened the client
├── StateError                    journal or policy file unusable
├── OutcomeUnknown                sent, or maybe sent: never retry, look it up
├── TransportError                nothing was done, or only a read was lost
│   ├── NotSent                   no byte left this machine
│   ├── NotPlaced                 proven absent
│   ├── ReadFailed                a read ended without its reply
│   ├── CircuitOpen               failing fast after repeated failures
│   └── BudgetExhausted           the local rate budget has no room before the deadline
├── ExchangeAPIError              the exchange refused, in its own words
│   ├── AuthenticationError · PermissionDenied · IpNotAllowed · TimestampRejected · RateLimited
│   ├── InsufficientBalance · OrderNotFound · OrderRejected · WithdrawalRejected · TwoFactorRequired
│   └── ExchangeUnavailable
└── DecodeError                   a reply that does not fit its table

An ExchangeAPIError from a placing, withdrawing or transferring call proves that nothing was executed. Where the
exchange's words leave that open, OutcomeUnknown is raised with the ExchangeAPIError as its __cause__.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


class SpotlaneError(Exception):
    """Base of every error of this package.

    safe_to_retry is True only where repeating the same call cannot execute anything twice.
    """

    safe_to_retry: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take keyword arguments, which Exception's own way of pickling leaves out.
        return _rebuild, (type(self), self.args, self._picklable())

    def _picklable(self) -> dict[str, Any]:
        return dict(self.__dict__)


def _rebuild(kind: type[SpotlaneError], args: tuple[Any, ...], attributes: dict[str, Any]) -> SpotlaneError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


class UsageError(SpotlaneError, ValueError):
    """The caller's mistake. Nothing was sent; the same call will fail again until it is changed.

    reason says in short why; for a refused withdrawal it is a WithdrawalReason.
    """

    reason: str | None = None


class PrecisionError(UsageError):
    """A price or quantity has more decimals than the exchange takes; nearest is a value that passes."""

    def __init__(self, message: str, *, field: str, given: object, nearest: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.given = given
        self.nearest = nearest


class MinimumError(UsageError):
    """A quantity or notional is below the exchange's minimum; nearest is the smallest that passes."""

    def __init__(self, message: str, *, field: str, given: object, nearest: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.given = given
        self.nearest = nearest


class MaximumError(UsageError):
    """A quantity or notional is above the exchange's maximum; nearest is the largest that passes."""

    def __init__(self, message: str, *, field: str, given: object, nearest: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.given = given
        self.nearest = nearest


class UnknownSymbol(UsageError):
    """The exchange lists no such symbol."""


class SymbolNotTradable(UsageError):
    """The symbol exists but is closed to the API, to this side or to this order type."""


class NotSupported(UsageError):
    """The exchange cannot do what was asked; the message names the alternative."""


class HistoryIncomplete(NotSupported):
    """The exchange doesn't give a part of the history that was asked for: [start_ms, end_ms]. No part is returned."""

    def __init__(self, message: str, *, start_ms: int, end_ms: int) -> None:
        super().__init__(message)
        self.start_ms = start_ms
        self.end_ms = end_ms


class WithdrawalRefused(UsageError):
    """The local withdrawal policy refused the request. Nothing was sent; reason is the WithdrawalReason."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason: str = reason


class AddressError(UsageError):
    """An address that can't be right on its chain, or a memo that doesn't go with it. Nothing was sent.

    family is the name of the chain's address rules; address is what was given, None where that may be a private key;
    reason is the fault in words. Where it can be told, nearest is a spelling that would pass, positions are the indexes
    (from 0) of the characters that a single typo would explain, and fits names the families whose address it is.
    """

    def __init__(
        self,
        message: str,
        *,
        family: str,
        address: str | None,
        reason: str,
        nearest: str | None = None,
        positions: tuple[int, ...] = (),
        fits: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.family = family
        self.address = address
        self.reason: str = reason
        self.nearest = nearest
        self.positions = positions
        self.fits = fits


class WrongContext(UsageError):
    """A client was used outside the event loop, thread or process that opened it. Nothing was sent."""


class StateError(SpotlaneError):
    """A file that the client depends on (journal, policy) is locked, corrupt, foreign or full."""


class WithdrawalsStopped(WithdrawalRefused, StateError):
    """The policy's file or its ledger is unusable, so that nothing is withdrawn; everything else goes on.

    path is the file; line is the number of the offending line, counted from 1, or None where it is about no line.
    """

    def __init__(self, message: str, *, reason: str, path: str, line: int | None = None) -> None:
        super().__init__(message, reason=reason)
        self.path = path
        self.line = line


class OutcomeUnknown(SpotlaneError):
    """The request was sent, or may have been sent, and its outcome is not known. Never repeat it.

    client_order_id and order_id (either may be None) say what to look for; `await error.resolve()` returns the order
    once it is found, raises NotPlaced once it is proven absent, and OutcomeUnknown again while neither can be told.
    unresolved lists the orders that a client was closed with; it is empty on the error of a call.
    """

    def __init__(
        self,
        message: str,
        *,
        client_order_id: str | None = None,
        order_id: str | None = None,
        resolver: Callable[[], Awaitable[Any]] | None = None,
        unresolved: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message)
        self.client_order_id = client_order_id
        self.order_id = order_id
        self.unresolved = unresolved
        self._resolver = resolver

    def _picklable(self) -> dict[str, Any]:
        return {**self.__dict__, "_resolver": None}  # it belongs to a client, which stays where it is

    def resolve_by(self, resolver: Callable[[], Awaitable[Any]]) -> None:
        """Set what resolve() does; for the client that raises this."""
        self._resolver = resolver

    async def resolve(self) -> Any:
        """Look the outcome up at the exchange.

        Returns the order (or the withdrawal) once it is found. Raises NotPlaced for an order that is proven absent and
        OutcomeUnknown while neither is known.
        """
        if self._resolver is None:
            raise OutcomeUnknown(
                "this outcome can't be looked up automatically: check the exchange's own records",
                client_order_id=self.client_order_id,
                order_id=self.order_id,
            )
        return await self._resolver()


class TransportError(SpotlaneError):
    """The request failed on its way: nothing was done, or only a read was lost."""

    safe_to_retry = True


class NotSent(TransportError):
    """No byte of the request left this machine. is_unreachable: there was no connection to the exchange."""

    is_unreachable: bool = False


class NotPlaced(TransportError):
    """The order is proven absent from the exchange and can no longer arrive there."""


class ReadFailed(TransportError):
    """A read ended without a usable reply: deadline, lost connection, half a reply."""


class CircuitOpen(TransportError):
    """Recent requests of this class failed; this one was refused without being sent.

    retry_after_s is how long until the exchange is asked whether it is back.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BudgetExhausted(TransportError):
    """The local rate budget has no room for this request before its deadline. Nothing was sent."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExchangeAPIError(SpotlaneError):
    """The exchange answered with an error.

    exchange is its registry name; code is its own code (int or label) or None where the reply carried none; message is
    its own text, shortened; http_status is the status line's number.
    """

    def __init__(
        self, exchange: str, code: int | str | None, message: str, http_status: int, *, hint: str = ""
    ) -> None:
        super().__init__(exchange, code, message, http_status)
        self.exchange = exchange
        self.code = code
        self.message = message
        self.http_status = http_status
        self.hint = hint

    def __str__(self) -> str:
        told = f"{self.exchange} answered {self.code if self.code is not None else 'no code'}"
        return f"{told} (HTTP {self.http_status}): {self.message.rstrip('. ')}" + (
            f". {self.hint}" if self.hint else ""
        )


class AuthenticationError(ExchangeAPIError):
    """The key is wrong, expired or deleted, or the signature does not fit it."""


class PermissionDenied(ExchangeAPIError):
    """The key is genuine but may not do this."""


class IpNotAllowed(ExchangeAPIError):
    """The request came from an address that is not on the key's list.

    address is the one that the exchange saw, where it says so, else None.
    """

    def __init__(
        self,
        exchange: str,
        code: int | str | None,
        message: str,
        http_status: int,
        *,
        hint: str = "",
        address: str | None = None,
    ) -> None:
        super().__init__(exchange, code, message, http_status, hint=hint)
        self.address = address


class TimestampRejected(ExchangeAPIError):
    """The request's timestamp was outside the exchange's window; it was not executed."""

    safe_to_retry = True


class RateLimited(ExchangeAPIError):
    """The exchange refused the request for being too many. retry_after_s is its own figure, or None."""

    safe_to_retry = True

    def __init__(
        self,
        exchange: str,
        code: int | str | None,
        message: str,
        http_status: int,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(exchange, code, message, http_status, hint=hint)
        self.retry_after_s = retry_after_s


class InsufficientBalance(ExchangeAPIError):
    """The account does not hold enough of the asset."""


class OrderNotFound(ExchangeAPIError):
    """The exchange knows no such order."""


class OrderRejected(ExchangeAPIError):
    """The exchange refused the order; nothing was executed."""


class WithdrawalRejected(ExchangeAPIError):
    """The exchange refused the withdrawal or transfer; nothing was executed."""


class TwoFactorRequired(ExchangeAPIError):
    """The exchange wants a one-time code for this request."""


class ExchangeUnavailable(ExchangeAPIError):
    """The exchange or the part of it that was asked is down or in maintenance."""


class DecodeError(SpotlaneError):
    """A reply that does not fit the table it was read with.

    endpoint names what was asked; field names the offending member (dotted, with list positions) or is None; excerpt
    is a short piece of the reply around the fault, with whatever looks like a secret removed.
    """

    def __init__(self, message: str, *, endpoint: str = "", field: str | None = None, excerpt: str = "") -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.field = field
        self.excerpt = excerpt

    def __str__(self) -> str:
        where = f"{self.endpoint}: " if self.endpoint else ""
        near = f" near {self.excerpt!r}" if self.excerpt else ""
        return f"{where}{self.args[0]}{near}"
