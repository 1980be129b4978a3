"""What a failed attempt means, in words that hold no URL, header or signature."""

from __future__ import annotations

import os
import ssl

import aiohttp
from yarl import URL

from spotlane.errors import NotSent, TransportError
from spotlane.transport._aiohttp import Attempt
from spotlane.transport.request import ReplyLost, Request

_LOSSES = {
    "deadline": "{where} has not answered {what} before the deadline",
    "disconnected": "{where} closed the connection before it had answered {what}",
    "truncated": "the reply of {where} to {what} is incomplete, or its end can't be told from a loss",
    "oversize": "the reply of {where} to {what} has more than {limit} bytes",
    "encoded": "the reply of {where} to {what} is encoded, which was not asked for",
    "lane": "the lane failed before it had read the answer of {where} to {what}",
    "malformed": "{where} answered {what} with something that is not HTTP",
}


def not_connected(error: Exception, request: Request, url: URL, *, has_expired: bool) -> NotSent:
    """Return the error to raise where no connection could be had."""
    reason = "there was no connection before the deadline" if has_expired else _why_not_connected(error)
    unsent = NotSent(f"{request.what} was not sent to {url.host}:{url.port}: {reason}")
    unsent.is_unreachable = True
    return unsent


def lost(reason: str, request: Request, url: URL) -> ReplyLost:
    """Return the error for a reply that was lost for one of LOSS_REASONS."""
    text = _LOSSES[reason].format(
        what=request.what, where=f"{url.host}:{url.port}", limit=request.endpoint.max_reply_bytes
    )
    return ReplyLost(text, reason=reason)


def explain(error: Exception, attempt: Attempt, url: URL, *, has_expired: bool) -> TransportError:
    """Return the error to raise for a failed attempt: NotSent if no byte can have left, else ReplyLost."""
    if isinstance(error, ReplyLost):
        return error.with_traceback(None)
    if attempt.written_s is None:
        return not_connected(error, attempt.request, url, has_expired=has_expired)
    if has_expired:
        return lost("deadline", attempt.request, url)
    if isinstance(error, aiohttp.ClientPayloadError):
        return lost("truncated", attempt.request, url)
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return lost("disconnected", attempt.request, url)
    return lost("malformed", attempt.request, url)


def _why_not_connected(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name can't be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate can't be trusted ({_certificate_fault(error.certificate_error)})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _system_fault(error.os_error)
    if isinstance(error, OSError):
        return _system_fault(error)
    return type(error).__name__


def _certificate_fault(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__


def _system_fault(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection ({error.reason or type(error).__name__})"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
