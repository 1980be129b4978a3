"""What a failed attempt means, in words that hold no URL, header or signature."""

from __future__ import annotations

import os
import ssl

import aiohttp
from yarl import URL

from spotlane.errors import NotSent, TransportError
from spotlane.transport._aiohttp import Attempt
from spotlane.transport.request import ReplyLost


def explain(error: Exception, attempt: Attempt, url: URL, *, has_expired: bool) -> TransportError:
    """Return the error to raise for a failed attempt: NotSent if no byte can have left, else ReplyLost."""
    what = f"{attempt.request.endpoint.method} {attempt.request.path}"
    where = f"{url.host}:{url.port}"
    if isinstance(error, ReplyLost):
        return error.with_traceback(None)
    if attempt.written_s is None:
        reason = "there was no connection before the deadline" if has_expired else _why_not_connected(error)
        return NotSent(f"{what} was not sent to {where}: {reason}")
    if has_expired:
        return ReplyLost(f"{where} has not answered {what} before the deadline", reason="deadline")
    if isinstance(error, aiohttp.ClientResponseError):
        return ReplyLost(f"{where} answered {what} with something that is not HTTP", reason="malformed")
    if isinstance(error, aiohttp.ClientPayloadError):
        return ReplyLost(f"the reply of {where} to {what} is incomplete", reason="truncated")
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return ReplyLost(f"{where} closed the connection before it had answered {what}", reason="disconnected")
    return ReplyLost(f"the reply of {where} to {what} could not be read: {type(error).__name__}", reason="malformed")


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
