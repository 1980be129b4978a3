"""A second person's word on one exact withdrawal: asked for, signed, verified, used once."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from hashlib import sha256

from spotlane._core.signing import Hmac
from spotlane.errors import UsageError, WithdrawalRefused
from spotlane.structs import WithdrawalReason
from spotlane.transport import Clock

_LEAST_KEY_BYTES = 16
_DOMAIN = "spotlane withdrawal approval 1"


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """The exact withdrawal that a second person is asked about.

    network is the exchange's code, canonical its name on every exchange where it is known; fee is None where the
    exchange tells none beforehand. account is a fingerprint of the API key. The approval has to come before expires_ms
    (exchange time). nonce is drawn anew for each request, so that no approval fits twice.
    """

    exchange: str
    account: str
    asset: str
    amount: Decimal
    network: str
    canonical: str | None
    address: str
    memo: str | None
    client_withdrawal_id: str
    fee: Decimal | None
    expires_ms: int
    nonce: str

    def canonical_bytes(self) -> bytes:
        """Return all fields in one unambiguous form; this is what is signed."""
        told = [getattr(self, each.name) for each in fields(self)]
        plain = [f"{value:f}" if isinstance(value, Decimal) else value for value in told]
        return json.dumps([_DOMAIN, *plain], separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person's signed yes. nonce repeats that of the request, expires_ms its time; token is an HMAC-SHA256."""

    approver: str
    nonce: str
    digest: str
    expires_ms: int
    token: str

    @classmethod
    def sign(cls, request: ApprovalRequest, key: bytes, approver: str = "") -> Approval:
        """Approve a request, with the key that the policy holds too. approver is a name for the records."""
        return cls._signed(request, _signer(key), approver)

    @classmethod
    def _signed(cls, request: ApprovalRequest, signer: Hmac, approver: str) -> Approval:
        digest = sha256(request.canonical_bytes()).hexdigest()
        token = signer.hexdigest(_signed_bytes(approver, request.nonce, digest, request.expires_ms))
        return cls(approver, request.nonce, digest, request.expires_ms, token)


Approver = Callable[[ApprovalRequest], "Approval | Awaitable[Approval]"]


class Approvals:
    """Asks an approver, a function or a coroutine function, and verifies the answer.

    key is shared with the approver: at least 16 bytes. wait_s is how long an answer may take. A plain function is
    called in a thread, so that one which waits for a person stops nothing.
    """

    def __init__(self, approver: Approver, key: bytes, wait_s: float) -> None:
        if not callable(approver):
            raise TypeError(f"approver is called with an ApprovalRequest, was {type(approver).__name__}")
        if not 0 < wait_s <= 86_400:
            raise UsageError(f"approval_wait_s is above 0 and at most 86400 seconds, was {wait_s}")
        self._approver = approver
        self._signer = _signer(key)
        self.wait_s = wait_s

    async def ask(self, request: ApprovalRequest, clock: Clock) -> Approval:
        """Wait for the approver's answer. Raises WithdrawalRefused where none comes in time, or it is none."""
        answer = asyncio.ensure_future(self._call(request))
        limit = asyncio.ensure_future(clock.sleep(self.wait_s))
        try:
            await asyncio.wait((answer, limit), return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            if not answer.done():
                answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await limit
        if not answer.done() or answer.cancelled():
            raise WithdrawalRefused(
                f"nobody approved the withdrawal within {self.wait_s:g} s: ask again",
                reason=WithdrawalReason.LATE_APPROVAL,
            )
        failure = answer.exception()
        if failure is not None:
            raise WithdrawalRefused(
                f"the approver failed with {type(failure).__name__}, which approves nothing",
                reason=WithdrawalReason.NO_APPROVAL,
            ) from failure
        given = answer.result()
        if not isinstance(given, Approval):
            raise WithdrawalRefused(
                f"the approver did not approve it: it returned {type(given).__name__}, no Approval",
                reason=WithdrawalReason.NO_APPROVAL,
            )
        return given

    def verify(self, approval: Approval, request: ApprovalRequest, now_ms: int, is_used: Callable[[str], bool]) -> None:
        """Raise WithdrawalRefused unless an approval is genuine, unused, of this very request, and in time.

        is_used says whether a withdrawal was sent with a nonce before.
        """
        signed = _signed_bytes(approval.approver, approval.nonce, approval.digest, approval.expires_ms)
        if not hmac.compare_digest(self._signer.hexdigest(signed).encode(), approval.token.encode()):
            raise WithdrawalRefused(
                "the approval is not signed with this policy's key, or was changed since",
                reason=WithdrawalReason.FORGED_APPROVAL,
            )
        if is_used(approval.nonce):
            raise WithdrawalRefused(
                "the approval was used before: each withdrawal needs its own", reason=WithdrawalReason.REPLAYED_APPROVAL
            )
        if now_ms > approval.expires_ms:
            raise WithdrawalRefused(
                f"the approval ended {now_ms - approval.expires_ms} ms ago: ask again",
                reason=WithdrawalReason.EXPIRED_APPROVAL,
            )
        if not hmac.compare_digest(approval.digest, sha256(request.canonical_bytes()).hexdigest()):
            raise WithdrawalRefused(
                "the approval is for another withdrawal than this one: sign exactly the request that was asked about",
                reason=WithdrawalReason.FOREIGN_APPROVAL,
            )

    async def _call(self, request: ApprovalRequest) -> object:
        told: object
        if inspect.iscoroutinefunction(self._approver):
            told = await self._approver(request)
        else:
            told = await asyncio.to_thread(self._approver, request)
        return await told if inspect.isawaitable(told) else told


def _signer(key: bytes) -> Hmac:
    if not isinstance(key, bytes | bytearray):
        raise TypeError(f"the approval key is bytes, was {type(key).__name__}")
    if len(key) < _LEAST_KEY_BYTES:
        raise UsageError(
            f"the approval key has at least {_LEAST_KEY_BYTES} bytes: make one with secrets.token_bytes(32)"
        )
    return Hmac("sha256", key)


def _signed_bytes(approver: str, nonce: str, digest: str, expires_ms: int) -> bytes:
    return json.dumps([_DOMAIN, approver, nonce, digest, expires_ms], separators=(",", ":")).encode()
