# cython: auto_pickle=False
"""Which connections of a pool are idle, which are in use, and the way of a request onto one of them.

From the choice of a connection to the last byte of the request nothing is awaited, so nothing else runs.
"""

cimport cython

from spotlane._core.lane cimport Lane, Preamble
from spotlane._core.signing cimport Signed

from spotlane._core.lane import LaneFault


cdef class Berth:
    """A connection as its pool knows it. A subclass says whether it is silent; a lane says so itself.

    opened_s and idle_since_s are on the clock's monotonic scale.
    """

    cdef public double opened_s
    cdef public double idle_since_s
    cdef public Lane lane

    cpdef bint is_silent(self) except -1:
        """Say whether it is open and nothing has arrived since its last reply, in the process or in the kernel."""
        return self.lane is not None and self.lane.is_silent()


@cython.final
cdef class Berths:
    """The connections of one pool, and how many may be in use at once.

    Of `places`, `reserve` are for cancels alone. A connection that idled for longer than retire_after_s or is older
    than oldest_s is not picked again, nor is one that is not silent: on_drop(berth, is_due) is told of each.
    """

    # The one that was used last stands at the end.
    cdef readonly list idle
    cdef readonly set busy
    cdef public double retire_after_s
    # How many wait for a place: nobody may pass them, but for cancels the others.
    cdef public Py_ssize_t waiting
    cdef public Py_ssize_t waiting_cancels
    cdef readonly Py_ssize_t free
    cdef Py_ssize_t _reserve
    cdef double _oldest_s
    cdef object _on_drop

    def __cinit__(self, *, Py_ssize_t places, Py_ssize_t reserve, double retire_after_s, double oldest_s, on_drop):
        self.idle = []
        self.busy = set()
        self.free = places
        self.retire_after_s = retire_after_s
        self._reserve = reserve
        self._oldest_s = oldest_s
        self._on_drop = on_drop

    cpdef bint has_place(self, bint is_cancel):
        """Say whether there is a place that nobody waits for who would come first."""
        if is_cancel:
            return self.free > 0 and self.waiting_cancels == 0
        return self.free > self._reserve and self.waiting_cancels == 0 and self.waiting == 0

    cpdef bint is_open_to(self, bint is_cancel):
        """Say whether there is a place, for whoever is first in turn."""
        return self.free > (0 if is_cancel else self._reserve)

    cpdef object enter(self):
        """Take a place."""
        self.free -= 1

    cpdef object leave(self):
        """Give a place back."""
        self.free += 1

    cpdef bint is_due(self, Berth berth, double now_s):
        """Say whether a connection has idled for too long or is too old."""
        return now_s - berth.idle_since_s > self.retire_after_s or now_s - berth.opened_s > self._oldest_s

    cpdef Berth pick(self, double now_s):
        """Put the connection that was used last, of those that can be used, to use; None where there is none."""
        cdef Berth berth
        cdef bint is_due
        while self.idle:
            berth = <Berth> self.idle.pop()
            is_due = self.is_due(berth, now_s)
            if not is_due and berth.is_silent():
                self.busy.add(berth)
                return berth
            self._on_drop(berth, is_due)
        return None

    cpdef bint put_back(self, Berth berth, double used_s):
        """Let a connection in use idle; used_s is when its last reply was whole. Say whether somebody waits."""
        self.busy.discard(berth)
        berth.idle_since_s = used_s
        self.idle.append(berth)
        self.free += 1
        return self.waiting != 0 or self.waiting_cancels != 0


@cython.final
cdef class Sender:
    """Writes requests to the lanes of one host.

    cancel and read are the verbs of requests that may use the reserve, and of those whose reply may end with its
    connection.
    """

    cdef Berths _berths
    cdef Preamble _preamble
    cdef object _monotonic, _cancel, _read

    def __cinit__(self, Berths berths not None, Preamble preamble not None, monotonic, *, cancel, read):
        self._berths = berths
        self._preamble = preamble
        self._monotonic = monotonic
        self._cancel = cancel
        self._read = read

    def start(self, request, seal, double deadline_s, stages):
        """Write a request at once: return the future of its reply, the connection and the stamp.

        Returns None where no connection can be had at once or the deadline has passed. What seal raises was raised
        before any byte left.
        """
        cdef double now_s = self._monotonic()
        cdef bint is_cancel = request.endpoint.verb is self._cancel
        cdef Berth berth
        if now_s >= deadline_s or not self._berths.has_place(is_cancel):
            return None
        berth = self._berths.pick(now_s)
        if berth is None:
            return None
        self._berths.enter()
        if stages is not None:
            stages.queued_s = now_s
        try:
            return self.write(berth, request, seal, deadline_s, stages)
        except BaseException:
            # It was not used, so the server's patience has run on.
            self._berths.put_back(berth, berth.idle_since_s)
            raise

    cpdef tuple write(self, Berth berth, request, seal, double deadline_s, stages):
        """Stamp, sign and write a request on a connection in use; return as start() does.

        Raises LaneFault for an error of the lane, with no trace of what was signed.
        """
        cdef Signed signed
        cdef str fault
        sealed = seal(request)
        signed, stamp_ms = sealed
        endpoint = request.endpoint
        if stages is not None:
            stages.signed_s = self._monotonic()
        try:
            to_come = berth.lane.send(
                endpoint.method, request.path, request.query, signed, self._preamble, request.body,
                endpoint.max_reply_bytes, endpoint.verb is self._read, deadline_s, stages)
            if stages is not None:
                stages.written_s = self._monotonic()
            return to_come, berth, stamp_ms
        except Exception as error:
            fault = type(error).__name__
        # Raised out here, where it has no context.
        raise LaneFault(fault, berth.lane.may_have_left)
