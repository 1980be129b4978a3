"""Client order ids: made so that none is ever used twice, checked so that none is."""

from __future__ import annotations

import os
from collections import OrderedDict

from spotlane.errors import UsageError
from spotlane.spec import ClientIdRule

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MARK = "s"
_EPOCH_LENGTH = 10
# Of these, the last that a journal counts up.
EPOCH_DIGITS = 4
_SEQUENCE_LENGTH = 7
_REMEMBERED = 65_536

# Two digits at a time.
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}
# The end of a sequence, with the first attempt behind it.
_ENDINGS = tuple(f"{pair}0" for pair in _PAIRS)


class ClientIds:
    """Makes ids of the form prefix, mark, epoch, sequence, attempt, and refuses one that was used before.

    epoch has ten digits: those of a journal, which counts them up, or 50 random bits drawn when the client is made, so
    that two processes, or one before and after a restart, never meet; sequence counts up; attempt is one digit, 0 for
    the first. Of own ids those are remembered that were not sent: every other
    counts as used, for ever, and so does one that stays unsent while 65,536 later ones do. A caller's own ids are
    remembered as far back as the last 65,536.
    """

    def __init__(self, rule: ClientIdRule, epoch: str | None = None) -> None:
        if epoch is None:
            epoch = base32(int.from_bytes(os.urandom(8), "big"), _EPOCH_LENGTH)
        elif len(epoch) != _EPOCH_LENGTH:
            raise ValueError(f"an epoch has {_EPOCH_LENGTH} digits, was {epoch!r}")
        self._rule = rule
        self._head = rule.prefix + _MARK + epoch
        self._given = 0
        # All but the ending of the ids that are made now.
        self._block = ""
        # To find its oldest key, a plain dict passes over every one that was deleted before.
        self._unsent: OrderedDict[int, None] = OrderedDict()
        self._foreign: OrderedDict[str, None] = OrderedDict()

    def new(self) -> str:
        """Return an id that was never returned before and never will be again."""
        self._add_unsent(self._given)
        return self.issue()

    def issue(self) -> str:
        """Return a fresh id that counts as used already: new() and spend() in one."""
        sequence = self._given
        self._given = sequence + 1
        if not sequence & 1023:
            self._block = self._head + base32(sequence >> 10, _SEQUENCE_LENGTH - 2)
        return self._block + _ENDINGS[sequence & 1023]

    def again(self, client_order_id: str) -> str:
        """Return the id of the next attempt of an order: the next of its own, a fresh one for anybody else's."""
        attempt = _DIGITS.find(client_order_id[-1:]) + 1
        if not client_order_id.startswith(self._head) or not 0 < attempt < len(_DIGITS):
            return self.issue()
        return client_order_id[:-1] + _DIGITS[attempt]

    def made(self, client_order_id: str) -> bool:
        """Say whether an id is one that this made, in whatever attempt."""
        return client_order_id.startswith(self._head) and self._sequence_of(client_order_id[:-1] + "0") is not None

    def spend(self, client_order_id: str) -> None:
        """Note that an id is about to be sent. Raises UsageError where it was before or the exchange can't take it."""
        sequence = self.check(client_order_id)
        if sequence is not None:
            del self._unsent[sequence]
            return
        self._foreign[client_order_id] = None
        if len(self._foreign) > _REMEMBERED:
            self._foreign.popitem(last=False)

    def check(self, client_order_id: str) -> int | None:
        """Raise what spend() would; return the sequence number of an own id, None for anybody else's."""
        sequence = self._sequence_of(client_order_id)
        if sequence is None:
            self._check_form(client_order_id)
            used = client_order_id in self._foreign
        else:
            used = sequence not in self._unsent
        if used:
            raise UsageError(
                f"client_order_id {client_order_id!r} was used before: new_client_order_id() makes a fresh one"
            )
        return sequence

    def release(self, client_order_id: str) -> None:
        """Take back spend() or issue() for an id of which no byte has left."""
        sequence = self._sequence_of(client_order_id)
        if sequence is None:
            self._foreign.pop(client_order_id, None)
        else:
            self._add_unsent(sequence)

    def _add_unsent(self, sequence: int) -> None:
        self._unsent[sequence] = None
        if len(self._unsent) > _REMEMBERED:
            self._unsent.popitem(last=False)

    def _sequence_of(self, client_order_id: str) -> int | None:
        """Return the sequence number of an id that new() made, or None for anybody else's."""
        start = len(self._head)
        if not client_order_id.startswith(self._head) or len(client_order_id) != start + _SEQUENCE_LENGTH + 1:
            return None
        value = 0
        for at in range(start, len(client_order_id), 2):
            pair = _VALUES.get(client_order_id[at : at + 2])
            if pair is None:
                return None
            value = value << 10 | pair
        sequence = value >> 5
        return sequence if sequence < self._given else None

    def _check_form(self, client_order_id: str) -> None:
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


def epoch_of(rule: ClientIdRule, client_order_id: str, identity: str) -> int | None:
    """Return the epoch in an id that was made with the journal of an identity, or None for any other id."""
    head = rule.prefix + _MARK + identity
    digits = client_order_id[len(head) : len(head) + EPOCH_DIGITS]
    length = len(rule.prefix) + len(_MARK) + _EPOCH_LENGTH + _SEQUENCE_LENGTH + 1
    if not client_order_id.startswith(head) or len(client_order_id) != length or not set(digits) <= set(_DIGITS):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | _DIGITS.index(digit)
    return number


def base32(number: int, length: int) -> str:
    """Return the last `length` digits of a number."""
    digits = []
    for _ in range(length):
        digits.append(_DIGITS[number & 31])
        number >>= 5
    return "".join(reversed(digits))
