"""Client order ids: made so that none is ever used twice, checked so that none is."""

from __future__ import annotations

import os

from spotlane.errors import UsageError
from spotlane.spec import ClientIdRule

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MARK = "s"
_EPOCH_LENGTH = 10
_SEQUENCE_LENGTH = 7
_REMEMBERED = 65_536


class ClientIds:
    """Makes ids of the form prefix, mark, epoch, sequence, attempt, and refuses one that was used before.

    epoch is 50 random bits drawn when the client opens, so that two processes, or one before and after a restart, never
    meet; sequence counts up; attempt is one digit. Own ids that were sent are remembered for ever, as one number and
    the gaps above it; one that stays unsent while 65,536 later ones are sent counts as used. A caller's own ids are
    remembered as far back as the last 65,536.
    """

    def __init__(self, rule: ClientIdRule) -> None:
        self._rule = rule
        self._head = rule.prefix + _MARK + _base32(int.from_bytes(os.urandom(8), "big"), _EPOCH_LENGTH)
        self._given = 0
        self._spent_below = 0
        self._spent: set[int] = set()
        self._foreign: dict[str, None] = {}

    def new(self) -> str:
        """Return an id that was never returned before and never will be again."""
        sequence = self._given
        self._given += 1
        return f"{self._head}{_base32(sequence, _SEQUENCE_LENGTH)}0"

    def spend(self, client_order_id: str) -> None:
        """Note that an id is about to be sent. Raises UsageError where it was before or the exchange can't take it."""
        sequence = self._sequence_of(client_order_id)
        if sequence is None:
            self._check(client_order_id)
            used = client_order_id in self._foreign
        else:
            used = sequence < self._spent_below or sequence in self._spent
        if used:
            raise UsageError(
                f"client_order_id {client_order_id!r} was used before: new_client_order_id() makes a fresh one"
            )
        if sequence is None:
            self._foreign[client_order_id] = None
            if len(self._foreign) > _REMEMBERED:
                del self._foreign[next(iter(self._foreign))]
            return
        self._spent.add(sequence)
        if len(self._spent) > _REMEMBERED:
            self._spent_below = min(self._spent)
        while self._spent_below in self._spent:
            self._spent.remove(self._spent_below)
            self._spent_below += 1

    def release(self, client_order_id: str) -> None:
        """Take back spend() for an id of which no byte has left."""
        sequence = self._sequence_of(client_order_id)
        if sequence is None:
            self._foreign.pop(client_order_id, None)
        elif sequence < self._spent_below:
            self._spent.update(range(sequence + 1, self._spent_below))
            self._spent_below = sequence
        else:
            self._spent.discard(sequence)

    def _sequence_of(self, client_order_id: str) -> int | None:
        """Return the sequence number of an id that new() made, or None for anybody else's."""
        start = len(self._head)
        if not client_order_id.startswith(self._head) or len(client_order_id) != start + _SEQUENCE_LENGTH + 1:
            return None
        sequence = 0
        for digit in client_order_id[start:]:
            position = _DIGITS.find(digit)
            if position < 0:
                return None
            sequence = sequence * 32 + position
        sequence //= 32
        return sequence if sequence < self._given else None

    def _check(self, client_order_id: str) -> None:
        rule = self._rule
        if not client_order_id or len(client_order_id) > rule.max_length:
            length = len(client_order_id)
            raise UsageError(
                f"client_order_id has 1 to {rule.max_length} characters, was {length}: {client_order_id!r}"
            )
        if not client_order_id.startswith(rule.prefix):
            raise UsageError(f"client_order_id must begin with {rule.prefix!r}, was {client_order_id!r}")
        for character in client_order_id[len(rule.prefix) :]:
            if character not in rule.alphabet:
                raise UsageError(f"client_order_id can't hold {character!r}, was {client_order_id!r}")


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        digits.append(_DIGITS[number & 31])
        number >>= 5
    return "".join(reversed(digits))
