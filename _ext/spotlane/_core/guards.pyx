# cython: auto_pickle=False, autotestdict=False
"""The arithmetic of the rate budget: gates through which a request passes all at once or not at all."""

cimport cython
from libc.math cimport INFINITY

cdef enum:
    RANKS = 2

# Sums of floats miss their moment by less than this.
cdef double TOLERANCE_S = 1e-6

cdef struct GateState:
    double full_s            # the moment at which everything taken so far will have flowed back
    double blocked_until_s


@cython.final
cdef class Gate:
    """One rate limit: a GCRA in which a unit flows back every unit_s, and `burst` units can be had at once.

    Those of rank 1 leave the last `reserve` units to those of rank 0. Times are monotonic seconds.
    """

    cdef GateState state
    cdef double unit_s
    cdef double room_s[RANKS]
    cdef long waiting[RANKS]
    cdef long waiting_cost[RANKS]

    def __cinit__(self, *, double unit_s, double burst, double reserve):
        self.state.full_s = self.state.blocked_until_s = -INFINITY
        self.unit_s = unit_s
        self.room_s[0] = burst * unit_s
        self.room_s[1] = (burst - reserve) * unit_s

    def ready_s(self, long cost, int rank):
        """Return the moment from which there is room for a cost."""
        return _ready_s(self, cost, _checked(rank))

    def is_ready(self, long cost, int rank, double now_s):
        """Return whether there is room for a cost now, whoever waits."""
        return _ready_s(self, cost, _checked(rank)) <= now_s + TOLERANCE_S

    def expected_s(self, long cost, int rank, double now_s):
        """Return when a newcomer can expect its turn, after all who stand before it."""
        cdef long ahead = 0
        cdef double full_s = self.state.full_s
        cdef int each
        for each in range(_checked(rank) + 1):
            ahead += self.waiting_cost[each]
        if ahead:
            full_s = max(full_s, now_s)
        return max(full_s + (ahead + cost) * self.unit_s - self.room_s[rank], self.state.blocked_until_s)

    def block(self, double until_s):
        """Let nothing through before a moment."""
        self.state.blocked_until_s = max(self.state.blocked_until_s, until_s)

    def enter(self, long cost, int rank):
        """Count one more who waits; a newcomer of the same or a later rank then finds no room."""
        self.waiting[_checked(rank)] += 1
        self.waiting_cost[rank] += cost

    def leave(self, long cost, int rank):
        """Count one less who waits."""
        self.waiting[_checked(rank)] -= 1
        self.waiting_cost[rank] -= cost


@cython.final
cdef class Claim:
    """What one kind of request takes: shares of (gate, cost), all of them or none."""

    cdef tuple shares
    cdef int rank

    def __cinit__(self, shares, int rank):
        self.shares = tuple([(<Gate?>gate, <long>cost) for gate, cost in shares])
        self.rank = _checked(rank)

    def try_take(self, double now_s, *, bint in_turn=False):
        """Take every share and return True, or take nothing and return False.

        in_turn: who asks has waited, and does not stand behind the others.
        """
        cdef double soon_s = now_s + TOLERANCE_S
        cdef tuple share
        cdef Gate gate
        for share in self.shares:
            gate = <Gate>share[0]
            if not in_turn and _has_waiters(gate, self.rank) or _ready_s(gate, <long>share[1], self.rank) > soon_s:
                return False
        for share in self.shares:
            gate = <Gate>share[0]
            gate.state.full_s = max(gate.state.full_s, now_s) + <long>share[1] * gate.unit_s
        return True


cdef inline int _checked(int rank) except -1:
    if not 0 <= rank < RANKS:
        raise ValueError(f"a rank is 0 or 1, not {rank}")
    return rank


cdef inline double _ready_s(Gate gate, long cost, int rank) noexcept:
    # Not clamped to the present: a cost above the burst has room only after that much more of idle time.
    return max(gate.state.full_s + cost * gate.unit_s - gate.room_s[rank], gate.state.blocked_until_s)


cdef inline bint _has_waiters(Gate gate, int rank) noexcept:
    cdef int each
    for each in range(rank + 1):
        if gate.waiting[each]:
            return True
    return False
