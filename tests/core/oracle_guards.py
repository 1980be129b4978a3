"""The gates of the rate budget in plain Python: the generic cell rate algorithm, with exact fractions."""

from __future__ import annotations

from fractions import Fraction

TOLERANCE_S = Fraction(1, 1_000_000)


class Gate:
    """One rate limit. full_s is when all that was taken will have flowed back."""

    def __init__(self, unit_s: Fraction, burst: int, reserve: int) -> None:
        self.unit_s = unit_s
        self.rooms = (burst, burst - -(-reserve // 2), burst - reserve, burst - reserve)
        self.full_s = Fraction(0)
        self.blocked_until_s = Fraction(0)
        self.waiting: list[tuple[int, int]] = []

    def ready_s(self, cost: int, rank: int) -> Fraction:
        return max(self.full_s + (cost - self.rooms[rank]) * self.unit_s, self.blocked_until_s)

    def expected_s(self, cost: int, rank: int, now_s: Fraction) -> Fraction:
        ahead = sum(cost for cost, other in self.waiting if other <= rank)
        full_s = max(self.full_s, now_s) if ahead else self.full_s
        return max(full_s + (ahead + cost - self.rooms[rank]) * self.unit_s, self.blocked_until_s)

    def free_units(self, rank: int, now_s: Fraction) -> int:
        if self.blocked_until_s > now_s + TOLERANCE_S:
            return 0
        free = (self.rooms[rank] * self.unit_s - max(self.full_s - now_s - TOLERANCE_S, Fraction(0))) // self.unit_s
        return max(free, 0)

    def has_waiters(self, rank: int) -> bool:
        return any(other <= rank for _, other in self.waiting)

    def fill(self, since_s: Fraction, units: int) -> None:
        self.full_s = max(self.full_s, since_s + units * self.unit_s)


def try_take(shares: list[tuple[Gate, int]], rank: int, now_s: Fraction, in_turn: bool) -> bool:
    before = [gate.full_s for gate, _ in shares]
    if not in_turn and any(gate.has_waiters(rank) for gate, _ in shares):
        return False
    for gate, cost in shares:
        if gate.ready_s(cost, rank) > now_s + TOLERANCE_S:
            for (each, _), full_s in reversed(list(zip(shares, before, strict=True))):
                each.full_s = full_s
            return False
        gate.full_s = max(gate.full_s, now_s) + cost * gate.unit_s
    return True
