# cython: auto_pickle=False, autotestdict=False
"""The arithmetic of the rate budget: gates through which a request passes all at once or not at all."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport ceil
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from time import monotonic

cdef extern from *:
    """
    #ifdef _MSC_VER
    #include <intrin.h>
    static inline int64_t atom_load(int64_t *at) { return _InterlockedOr64(at, 0); }
    static inline int atom_swap(int64_t *at, int64_t old, int64_t changed) {
        return _InterlockedCompareExchange64(at, changed, old) == old;
    }
    #else
    static inline int64_t atom_load(int64_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    static inline int atom_swap(int64_t *at, int64_t old, int64_t changed) {
        return __atomic_compare_exchange_n(at, &old, changed, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    #endif
    """
    int64_t atom_load(int64_t *at) noexcept
    bint atom_swap(int64_t *at, int64_t old, int64_t changed) noexcept

cdef enum:
    RANKS = 4
    MOST_DIGITS = 18

# A moment that is told in seconds is missed by less than this.
cdef int64_t TOLERANCE_NS = 1_000
cdef double NS = 1e9
# Further away than any moment, and with room for sums.
cdef double FARTHEST_NS = 4e18

cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"

cdef struct Slot:
    int64_t full_ns          # the moment at which everything taken so far will have flowed back
    int64_t blocked_ns

cdef struct Share:
    int64_t cost_ns
    int64_t room_ns          # for the rank of the claim
    int64_t old_ns           # of its gate, before it was taken last and after
    int64_t new_ns


@cython.final
cdef class Slots:
    """The state of gates, 16 bytes each, in memory of its own or in a writable buffer that processes may share.

    Zeros stand for gates of which nothing was ever taken. A slot is changed by compare-and-swap alone, so that no
    process can leave one locked.
    """

    SIZE = sizeof(Slot)

    cdef Slot *slots
    cdef readonly Py_ssize_t count
    cdef readonly bint is_shared
    cdef Py_buffer view

    def __cinit__(self, Py_ssize_t count, shared=None):
        if count < 1:
            raise ValueError(f"there must be a slot at least, not {count}")
        self.count = count
        if shared is None:
            self.slots = <Slot *>calloc(count, sizeof(Slot))
            if self.slots is NULL:
                raise MemoryError()
            return
        PyObject_GetBuffer(shared, &self.view, PyBUF_WRITABLE)
        self.is_shared = True
        if self.view.len < count * <Py_ssize_t>sizeof(Slot) or <size_t>self.view.buf % sizeof(int64_t):
            raise ValueError(f"{count} slots need {count * sizeof(Slot)} aligned bytes, there are {self.view.len}")
        self.slots = <Slot *>self.view.buf

    def __dealloc__(self):
        if self.is_shared:
            PyBuffer_Release(&self.view)
        else:
            free(self.slots)

    def block(self, double until_s):
        """Let nothing through any gate that goes by this slot 0 before a moment."""
        _raise_to(&self.slots.blocked_ns, _ns(until_s))

    def is_idle(self, double now_s):
        """Return whether by now everything has flowed back and nothing is blocked."""
        cdef int64_t now_ns = _ns(now_s)
        cdef Py_ssize_t each
        for each in range(self.count):
            if atom_load(&self.slots[each].full_ns) > now_ns or atom_load(&self.slots[each].blocked_ns) > now_ns:
                return False
        return True


@cython.final
cdef class Gate:
    """One rate limit: a GCRA in which a unit flows back every unit_s, and `burst` units can be had at once.

    Those of ranks 2 and 3 leave the last `reserve` units to the others, those of rank 1 half of these, rounded up, to
    rank 0. Times are monotonic seconds. Its state is slot `index` of slots; slot 0 of everything blocks it, too.
    """

    cdef Slots slots
    cdef Slots everything
    cdef Slot *state
    cdef int64_t unit_ns
    cdef int64_t room_ns[RANKS]
    cdef long waiting[RANKS]
    cdef long waiting_cost[RANKS]

    def __cinit__(self, *, double unit_s, long burst, long reserve, Slots slots=None, Py_ssize_t index=0,
                  Slots everything=None):
        self.slots = Slots(1) if slots is None else slots
        self.everything = Slots(1) if everything is None else everything
        if not 0 <= index < self.slots.count:
            raise ValueError(f"there is no slot {index}, there are {self.slots.count}")
        self.state = &self.slots.slots[index]
        # Rounded up to whole nanoseconds: never faster than the limit.
        self.unit_ns = <int64_t>ceil(unit_s * NS - 1e-3)
        self.room_ns[0] = burst * self.unit_ns
        self.room_ns[1] = (burst - (reserve + 1) // 2) * self.unit_ns
        self.room_ns[2] = self.room_ns[3] = (burst - reserve) * self.unit_ns

    def ready_s(self, long cost, int rank):
        """Return the moment from which there is room for a cost."""
        return _ready_ns(self, cost, _checked(rank)) / NS

    def is_ready(self, long cost, int rank, double now_s):
        """Return whether there is room for a cost now, whoever waits."""
        return _ready_ns(self, cost, _checked(rank)) <= _ns(now_s) + TOLERANCE_NS

    def expected_s(self, long cost, int rank, double now_s):
        """Return when a newcomer can expect its turn, after all who stand before it."""
        cdef long ahead = 0
        cdef int64_t full_ns = atom_load(&self.state.full_ns)
        cdef int each
        for each in range(_checked(rank) + 1):
            ahead += self.waiting_cost[each]
        if ahead:
            full_ns = max(full_ns, _ns(now_s))
        return max(full_ns + (ahead + cost) * self.unit_ns - self.room_ns[rank], _blocked_ns(self)) / NS

    def free_units(self, int rank, double now_s):
        """Return how many units can be had at once now, whoever waits; 0 while it is blocked."""
        cdef int64_t now_ns = _ns(now_s) + TOLERANCE_NS
        if _blocked_ns(self) > now_ns:
            return 0
        cdef int64_t left_ns = self.room_ns[_checked(rank)] - max(atom_load(&self.state.full_ns) - now_ns, 0)
        return max(left_ns, 0) // self.unit_ns

    def blocked_until_s(self):
        """Return the moment before which nothing is let through."""
        return _blocked_ns(self) / NS

    def block(self, double until_s):
        """Let nothing through before a moment."""
        _raise_to(&self.state.blocked_ns, _ns(until_s))

    def fill(self, double since_s, long units):
        """Count units as taken at once at a moment, unless at least as many are counted already."""
        _raise_to(&self.state.full_ns, _ns(since_s) + units * self.unit_ns)

    @property
    def waiters(self):
        """How many wait."""
        cdef int each
        cdef long count = 0
        for each in range(RANKS):
            count += self.waiting[each]
        return count

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

    cdef tuple gates
    cdef Share *shares
    cdef Py_ssize_t count
    cdef int rank

    def __cinit__(self, shares, int rank):
        cdef list pairs = [(<Gate?>gate, <long>cost) for gate, cost in shares]
        cdef Gate gate
        cdef Py_ssize_t each
        self.rank = _checked(rank)
        self.gates = tuple([pair[0] for pair in pairs])
        self.count = len(pairs)
        self.shares = <Share *>calloc(self.count + 1, sizeof(Share))
        if self.shares is NULL:
            raise MemoryError()
        for each in range(self.count):
            gate = <Gate>self.gates[each]
            self.shares[each].cost_ns = <long>pairs[each][1] * gate.unit_ns
            self.shares[each].room_ns = gate.room_ns[rank]

    def __dealloc__(self):
        free(self.shares)

    def try_take(self, double now_s, *, bint in_turn=False):
        """Take every share and return True, or take nothing and return False.

        in_turn: who asks has waited, and does not stand behind the others. Of shared gates one share is taken after the
        other; a process that is killed in between loses them until they have flowed back.
        """
        return self._try_take(now_s, in_turn)

    cdef bint _try_take(self, double now_s, bint in_turn) except -1:
        cdef int64_t now_ns = _ns(now_s)
        cdef Gate gate
        cdef Py_ssize_t each
        for each in range(self.count):
            gate = <Gate>self.gates[each]
            if not in_turn and _has_waiters(gate, self.rank):
                return False
            if _is_late(gate, &self.shares[each], atom_load(&gate.state.full_ns), now_ns):
                return False
        for each in range(self.count):
            if not _take(<Gate>self.gates[each], &self.shares[each], now_ns):
                while each:
                    each -= 1
                    _give_back(<Gate>self.gates[each], &self.shares[each])
                return False
        return True


cdef class Toll:
    """What one kind of request takes."""

    cdef readonly object endpoint
    cdef readonly Claim claim

    def __init__(self, endpoint, Claim claim not None):
        self.endpoint = endpoint
        self.claim = claim


cdef class Till:
    """Takes the tolls of requests. A subclass makes those that are missing.

    monotonic_s tells the time; with enforce=False everything is admitted. _tolls, and _look_ups for what looks
    up an outcome, are by endpoint name and symbol; _toll(endpoint, symbol, is_look_up) makes one and puts it there.
    """

    cdef readonly object _monotonic
    cdef readonly bint _enforce
    cdef readonly dict _tolls
    cdef readonly dict _look_ups

    def __init__(self, monotonic_s, bint enforce):
        self._monotonic = monotonic_s
        self._enforce = enforce
        self._tolls = {}
        self._look_ups = {}

    def try_take(self, endpoint, str symbol not None="", bint is_look_up=False):
        """Take what a request costs now and return True, or take nothing and return False.

        symbol is whose room it takes in buckets that are counted apart for each; is_look_up says that it asks what
        became of an order. Raises ValueError for a bucket that does not exist or a cost above its limit.
        """
        if not self._enforce:
            return True
        cdef Toll toll = (self._look_ups if is_look_up else self._tolls).get((endpoint.name, symbol))
        if toll is None or toll.endpoint is not endpoint:
            toll = <Toll?>self._toll(endpoint, symbol, is_look_up)
        return toll.claim._try_take(self._monotonic(), False)


@cython.final
cdef class Meter:
    """Reads from the headers of replies how much of a limit was used, and fills its gate to that.

    header tells the units used in the present window, or with is_left those left of limit. With is_aligned the windows
    begin at whole multiples of window_ms since the epoch; otherwise a window ends at each moment. A reply of which the
    Date field shows that its window is over tells nothing of the present one.
    """

    cdef Gate gate
    cdef bytes header
    cdef long limit
    cdef int64_t window_ms
    cdef bint is_left
    cdef bint is_aligned

    def __cinit__(self, Gate gate not None, str header, *, long limit, long window_ms, bint is_left, bint is_aligned):
        if not header or limit < 1 or window_ms < 1:
            raise ValueError(f"a meter needs a header, a limit and a window: {header!r}, {limit}, {window_ms}")
        self.gate = gate
        self.header = header.lower().encode("ascii")
        self.limit = limit
        self.window_ms = window_ms
        self.is_left = is_left
        self.is_aligned = is_aligned

    def read(self, fields, double now_s, int64_t earliest_ms, int64_t latest_ms):
        """Take what (name, value) pairs of bytes tell and return whether they told anything that can be used.

        The reply was made between earliest_ms and latest_ms on the exchange's clock, and latest_ms is now_s; unless its
        own Date says that it is older, as that of another request is. What may have been counted in the window before
        is of no use.
        """
        cdef double since_s = now_s - self.window_ms / 1e3
        if self.is_aligned:
            if earliest_ms // self.window_ms != latest_ms // self.window_ms:
                return False
            since_s = now_s - (latest_ms % self.window_ms) / 1e3
        cdef tuple field
        cdef bytes value
        cdef int64_t told
        cdef int64_t told_ns
        for field in fields:
            if _is_same_name(<bytes?>field[0], self.header):
                value = <bytes?>field[1]
                told = _units(value)
                if told < 0:
                    return False
                # More than ten limits is no count: it would shut the gate for as many windows.
                told = self.limit - told if self.is_left else min(told, 10 * <int64_t>self.limit)
                told_ns = _ns(since_s) + told * self.gate.unit_ns
                # What changes nothing, as with our own requests alone, is not worth reading a date for.
                if told > 0 and told_ns > atom_load(&self.gate.state.full_ns):
                    if _is_of_earlier_window(self, fields, latest_ms):
                        return False
                    _raise_to(&self.gate.state.full_ns, told_ns)
                return True
        return False


cdef inline int _checked(int rank) except -1:
    if not 0 <= rank < RANKS:
        raise ValueError(f"a rank is from 0 to {RANKS - 1}, not {rank}")
    return rank


cdef inline int64_t _ns(double moment_s) noexcept:
    cdef double moment_ns = moment_s * NS
    if moment_ns > FARTHEST_NS:
        moment_ns = FARTHEST_NS
    return <int64_t>moment_ns if moment_ns > -FARTHEST_NS else <int64_t>-FARTHEST_NS


cdef inline int64_t _blocked_ns(Gate gate) noexcept:
    return max(atom_load(&gate.state.blocked_ns), atom_load(&gate.everything.slots.blocked_ns))


cdef inline int64_t _ready_ns(Gate gate, long cost, int rank) noexcept:
    # Not clamped to the present: a cost above the burst has room only after that much more of idle time.
    return max(atom_load(&gate.state.full_ns) + cost * gate.unit_ns - gate.room_ns[rank], _blocked_ns(gate))


cdef inline bint _has_waiters(Gate gate, int rank) noexcept:
    cdef int each
    for each in range(rank + 1):
        if gate.waiting[each]:
            return True
    return False


cdef inline bint _is_late(Gate gate, Share *share, int64_t full_ns, int64_t now_ns) noexcept:
    return max(full_ns + share.cost_ns - share.room_ns, _blocked_ns(gate)) > now_ns + TOLERANCE_NS


cdef inline bint _take(Gate gate, Share *share, int64_t now_ns) noexcept:
    while True:
        share.old_ns = atom_load(&gate.state.full_ns)
        if _is_late(gate, share, share.old_ns, now_ns):
            return False
        share.new_ns = max(share.old_ns, now_ns) + share.cost_ns
        if atom_swap(&gate.state.full_ns, share.old_ns, share.new_ns):
            return True


cdef int _give_back(Gate gate, Share *share) except -1:
    cdef int64_t present_ns
    if atom_swap(&gate.state.full_ns, share.new_ns, share.old_ns):
        return 0
    # Others have taken since, on top of it as long as it has not flowed back. Once it has there is nothing to give, and
    # what was taken after that is theirs. The state is read before the clock: if it is unchanged then, so is this.
    while True:
        present_ns = atom_load(&gate.state.full_ns)
        if _ns(monotonic()) >= share.new_ns:
            return 0
        if atom_swap(&gate.state.full_ns, present_ns, present_ns - share.cost_ns):
            return 0


cdef inline void _raise_to(int64_t *at, int64_t moment_ns) noexcept:
    cdef int64_t old_ns
    while True:
        old_ns = atom_load(at)
        if old_ns >= moment_ns or atom_swap(at, old_ns, moment_ns):
            return


cdef inline bint _is_same_name(bytes name, bytes wanted) noexcept:
    cdef Py_ssize_t length = len(wanted)
    cdef const char *letters = name
    cdef const char *small = wanted
    cdef Py_ssize_t each
    if len(name) != length:
        return False
    for each in range(length):
        if letters[each] != small[each] and not (b"A" <= letters[each] <= b"Z" and letters[each] + 32 == small[each]):
            return False
    return True


cdef inline int64_t _units(bytes text) noexcept:
    cdef const char *digits = text
    cdef Py_ssize_t length = len(text)
    cdef int64_t number = 0
    cdef Py_ssize_t each
    if not 0 < length <= MOST_DIGITS:
        return -1
    for each in range(length):
        if not b"0" <= digits[each] <= b"9":
            return -1
        number = 10 * number + digits[each] - 48
    return number


cdef bint _is_of_earlier_window(Meter meter, fields, int64_t latest_ms) except -1:
    """Return whether the Date among fields is from before the window of latest_ms; not where there is no such date."""
    cdef tuple field
    cdef int64_t made_ms
    for field in fields:
        if _is_same_name(<bytes?>field[0], b"date"):
            made_ms = _moment_ms(<bytes?>field[1])
            if made_ms < 0:
                return False
            if meter.is_aligned:
                return made_ms // meter.window_ms < latest_ms // meter.window_ms
            # It is cut to seconds.
            return made_ms + 1_000 + meter.window_ms <= latest_ms
    return False


cdef inline int64_t _moment_ms(bytes date) noexcept:
    """Return the moment of a date like Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 section 5.6.7), -1 for another form."""
    cdef const char *text = date
    cdef int64_t day, month, year, hour, minute, second, days
    if len(date) != 29 or memcmp(text + 25, b" GMT", 4) != 0:
        return -1
    for month in range(12):
        if memcmp(text + 8, MONTHS + 3 * month, 3) == 0:
            break
    else:
        return -1
    day, hour, minute, second = _two(text + 5), _two(text + 17), _two(text + 20), _two(text + 23)
    year = 100 * _two(text + 12) + _two(text + 14)
    if min(day, hour, minute, second) < 0 or year < 1970:
        return -1
    # Years begin in March here, so that the day that some have more is their last one.
    year -= month < 2
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month + 10) % 12) + 2) // 5 + day - 1 - 719_468
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000


cdef inline int64_t _two(const char *digits) noexcept:
    """Return the number that two digits are; where they are none, so little that no sum with it is above 0."""
    if not (b"0" <= digits[0] <= b"9" and b"0" <= digits[1] <= b"9"):
        return -1_000_000
    return 10 * (digits[0] - 48) + digits[1] - 48
