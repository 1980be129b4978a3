"""Sends what changes something, once, and says what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from spotlane.errors import DecodeError, OutcomeUnknown, SpotlaneError
from spotlane.safety.replies import Judge, Refusal
from spotlane.spec import Outcome
from spotlane.transport import Channel, Reply, ReplyLost, Request, Sending

T = TypeVar("T")


class Submission(NamedTuple):
    """What a request that changes something is about, for the case that its reply never comes.

    what names it in messages ("order", "withdrawal"). look_up asks the exchange what became of it: it returns the
    result, or raises OutcomeUnknown while that cannot be told. confirm is given the result and the reply, and raises
    DecodeError where they can't be the answer to this very request.
    """

    what: str
    client_order_id: str | None
    order_id: str | None
    look_up: Callable[[], Awaitable[object]]
    confirm: Callable[[Any, Reply], None] | None = None


async def submit(
    channel: Channel,
    judge: Judge,
    request: Request,
    read: Callable[[bytes], T],
    submission: Submission,
    *,
    deadline: float,
    notice: Callable[[Request, Refusal], None],
    sending: Sending | None = None,
    trust_refusals: bool = True,
) -> T:
    """Send a request exactly once and return what its reply says.

    deadline is on the monotonic clock; notice is told of every refusal; sending tells, of a call that was cancelled,
    whether a byte can have left. Raises NotSent, BudgetExhausted or CircuitOpen where no byte left, ExchangeAPIError
    where the exchange's word proves that nothing was executed, and OutcomeUnknown in every other case: a lost reply, a
    reply that doesn't fit (which closes its connection), an error that leaves the outcome open. A refusal names no
    order: without trust_refusals it leaves the outcome open, too.
    """
    doubt: SpotlaneError
    try:
        reply = await channel.send(request, deadline=deadline, sending=sending)
    except ReplyLost as lost:
        doubt = lost
    else:
        try:
            result = judge.understand(request.endpoint, reply, read)
            if submission.confirm is not None and not isinstance(result, Refusal):
                submission.confirm(result, reply)
        except DecodeError as misfit:
            reply.distrust()
            doubt = misfit
        else:
            channel.note_usage(request, reply)
            if not isinstance(result, Refusal):
                return result
            notice(request, result)
            if result.outcome is Outcome.REJECTED and trust_refusals:
                raise result.error
            doubt = result.error
    raise _unknown(submission, doubt) from doubt


def _unknown(submission: Submission, doubt: SpotlaneError) -> OutcomeUnknown:
    names = [
        f"{label} {value!r}"
        for label, value in (("client id", submission.client_order_id), ("id", submission.order_id))
        if value is not None
    ]
    return OutcomeUnknown(
        f"it is not known whether the {submission.what} with {' and '.join(names) or 'no id'} was executed ({doubt}): "
        "don't repeat it, await resolve() on this error",
        client_order_id=submission.client_order_id,
        order_id=submission.order_id,
        resolver=submission.look_up,
    )
