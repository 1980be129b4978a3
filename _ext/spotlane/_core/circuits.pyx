# cython: auto_pickle=False, autotestdict=False
"""The counts of a circuit breaker: when failures are too many, and one flag to ask before each request."""

cimport cython
from libc.math cimport floor

cdef enum:
    CELLS = 10               # seconds that count towards the share of failures


cdef struct Cell:
    double second
    long calls
    long failures


@cython.final
cdef class Circuit:
    """Opens after `in_row` failures in a row, or when of `least` calls or more in ten seconds half have failed.

    The ten seconds are the present one of the monotonic clock, which is how times are told, and the nine before. Once
    closed again it is on probation until a call succeeds: the first failure then opens it.
    """

    cdef readonly bint is_open
    cdef readonly bint is_on_probation
    cdef readonly long failures      # in a row
    cdef readonly long times_opened
    cdef long row_before
    cdef bint was_on_probation
    cdef long in_row
    cdef long least
    cdef Cell cells[CELLS]

    def __cinit__(self, *, long in_row, long least):
        if in_row < 1 or least < 1:
            raise ValueError(f"a circuit counts at least 1 failure of 1 call, not {in_row} of {least}")
        self.in_row = in_row
        self.least = least
        self._forget()

    def admits(self):
        """Return whether requests may pass."""
        return not self.is_open

    def succeed(self, double now_s):
        """Count a call that was answered."""
        _cell(self, now_s).calls += 1
        self.row_before = self.failures
        self.failures = 0
        if not self.is_open:
            self.was_on_probation = self.is_on_probation
            self.is_on_probation = False

    def fail(self, double now_s):
        """Count a call that failed; return whether this has opened the circuit."""
        cdef Cell *cell = _cell(self, now_s)
        cell.calls += 1
        cell.failures += 1
        self.failures += 1
        return self._weigh(now_s)

    def recant(self, double now_s):
        """Make the last call that was answered one that failed; return whether this has opened the circuit."""
        _cell(self, now_s).failures += 1
        self.failures += self.row_before + 1
        self.row_before = 0
        self.is_on_probation |= self.was_on_probation
        return self._weigh(now_s)

    def close(self):
        """Let requests pass again, on probation."""
        self.is_open = False
        self.is_on_probation = True
        self.was_on_probation = False
        self._forget()

    cdef bint _weigh(self, double now_s):
        if self.is_open:
            return False
        cdef long calls = 0
        cdef long failures = 0
        cdef double second = floor(now_s)
        cdef int each
        for each in range(CELLS):
            if second - CELLS < self.cells[each].second <= second:
                calls += self.cells[each].calls
                failures += self.cells[each].failures
        self.is_open = (
            self.is_on_probation or self.failures >= self.in_row or (calls >= self.least and 2 * failures >= calls)
        )
        self.times_opened += self.is_open
        return self.is_open

    cdef void _forget(self):
        cdef int each
        self.failures = self.row_before = 0
        for each in range(CELLS):
            self.cells[each].second = -CELLS
            self.cells[each].calls = self.cells[each].failures = 0


cdef inline Cell *_cell(Circuit circuit, double now_s) noexcept:
    cdef double second = floor(now_s)
    cdef Cell *cell = &circuit.cells[<long>second % CELLS]
    if cell.second != second:
        cell.second = second
        cell.calls = cell.failures = 0
    return cell
