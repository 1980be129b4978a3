"""What a reply proves: the exchange's own word for success, refusal or doubt."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from spotlane._core.faults import UnknownWireSymbol
from spotlane.errors import DecodeError, ExchangeAPIError, ExchangeUnavailable, IpNotAllowed, RateLimited
from spotlane.spec import Endpoint, ErrorRow, ErrorTable, Outcome
from spotlane.transport import Reply

T = TypeVar("T")

_LONGEST_MESSAGE = 200
# Numbers from here on are milliseconds since the epoch: as seconds they would lie thousands of years ahead.
_FIRST_MILLISECONDS = 100_000_000_000
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64,}")


class Told(NamedTuple):
    """What an error body says: the exchange's code and its text."""

    code: int | str | None
    message: str


class Refusal(NamedTuple):
    """An error reply, understood: the exception it is and what it proves about a request that changes something.

    limits are those of its ErrorRow.
    """

    error: ExchangeAPIError
    outcome: Outcome
    limits: tuple[str, ...] = ()


class Judge:
    """Turns the replies of one exchange into results or refusals by its error table.

    tell reads an error body: it returns None where the body is not one (HTML, half a reply, a success).
    """

    def __init__(self, exchange: str, table: ErrorTable, tell: Callable[[bytes], Told | None]) -> None:
        self._exchange = exchange
        self._table = table
        self._tell = tell

    def understand(self, endpoint: Endpoint, reply: Reply, read: Callable[[bytes], T]) -> T | Refusal:
        """Return what a reply holds, or the refusal that it is.

        A success is read first and looked at for an error only when it does not fit, so that a good reply is parsed
        once. Raises DecodeError for a success that is neither; its connection is closed, for what does not fit may be
        the answer to another request. A symbol that the rules do not list is no such thing.
        """
        try:
            if 200 <= reply.status < 300:
                return read(reply.body)
        except DecodeError as misfit:
            misfit.endpoint = endpoint.name
            told = self._tell(reply.body)
            if told is None:
                if not isinstance(misfit, UnknownWireSymbol):
                    reply.distrust()
                raise
        else:
            told = self._tell(reply.body) or Told(None, _describe_body(reply))
        finally:
            if reply.stages is not None:
                reply.stages.finish()
        return self._refusal(endpoint, told, reply)

    def _refusal(self, endpoint: Endpoint, told: Told, reply: Reply) -> Refusal:
        row = self._table.find(told.code, told.message, reply.status)
        if row is None:
            return Refusal(self._unlisted(told, reply), Outcome.AMBIGUOUS)
        # A gateway's 5xx says nothing about what happened behind it, whatever code the body carries.
        outcome = Outcome.AMBIGUOUS if reply.status >= 500 else row.outcome
        return Refusal(self._listed(row, endpoint, told, reply), outcome, row.limits)

    def _listed(self, row: ErrorRow, endpoint: Endpoint, told: Told, reply: Reply) -> ExchangeAPIError:
        kind = row.replaces.get(endpoint.name, row.error)
        message = _shorten(told.message or row.meaning)
        hint = row.hint.format(permission=endpoint.permission or "unknown to this table")
        if issubclass(kind, RateLimited):
            return kind(
                self._exchange,
                told.code,
                message,
                reply.status,
                hint=hint,
                retry_after_s=retry_after_s(reply, self._table.reset_header),
            )
        if issubclass(kind, IpNotAllowed):
            address = _address_in(told.message, row.address_after)
            return kind(self._exchange, told.code, message, reply.status, hint=hint, address=address)
        return kind(self._exchange, told.code, message, reply.status, hint=hint)

    def _unlisted(self, told: Told, reply: Reply) -> ExchangeAPIError:
        kind = ExchangeUnavailable if reply.status >= 500 else ExchangeAPIError
        return kind(self._exchange, told.code, _shorten(told.message), reply.status)


def retry_after_s(reply: Reply, reset_header: str = "") -> float | None:
    """Return how long to wait from a reply on: by Retry-After, else to the moment in reset_header; None if untold."""
    text = reply.headers.get("Retry-After", "")
    if _is_number(text):
        return float(text)
    moment = reply.headers.get(reset_header, "") if reset_header else ""
    if not _is_number(moment) or reply.stamp_ms is None:
        return None
    reset_ms = int(moment) if int(moment) >= _FIRST_MILLISECONDS else int(moment) * 1_000
    return max(0.0, (reset_ms - reply.stamp_ms) / 1_000)


def _address_in(message: str, after: str) -> str | None:
    """Return the IP address that a message names behind some words; None where there are none, or it is no address."""
    rest = message.lower().partition(after)[2] if after else ""
    if not rest.split():
        return None
    try:
        return str(ipaddress.ip_address(rest.split()[0].strip("[](),;.'\"")))
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _describe_body(reply: Reply) -> str:
    kind = reply.headers.get("Content-Type", "no content type")
    return f"the body is not this exchange's JSON ({kind}, {len(reply.body)} bytes)"


def _shorten(text: str) -> str:
    # A front end may quote the refused URL in its answer, and that holds the signature.
    text = _SIGNATURE.sub("***", text)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."
