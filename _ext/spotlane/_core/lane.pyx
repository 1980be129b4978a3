# cython: auto_pickle=False
"""One connection that requests are written to as ready bytes, one at a time, and their replies read from.

It is what aiohttp's protocol of a connection calls a parser (ResponseHandler.set_parser): whatever arrives is fed to it
and nothing else of aiohttp sees it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from spotlane._core._put cimport NUMBER_DIGITS, put, put_bytes, put_number
from spotlane._core.replies cimport LOST, READING, ReplyReader
from spotlane._core.signing cimport Signed

cdef extern from "poll.h" nogil:
    """
    #include <poll.h>
    #ifdef POLLRDHUP
    #define SPOTLANE_UNASKED (POLLIN | POLLRDHUP)
    #else
    #define SPOTLANE_UNASKED POLLIN
    #endif
    """
    ctypedef unsigned long nfds_t
    struct pollfd:
        int fd
        short events
        short revents
    short SPOTLANE_UNASKED
    int poll(pollfd *descriptors, nfds_t count, int timeout_ms)

cdef enum:
    # A server that says this has tired of waiting: what it sent is about the connection, and the connection ends.
    REQUEST_TIMEOUT = 408

# What aiohttp's protocol makes of it: never a failure, and nothing left over for another parser.
cdef tuple TAKEN = (False, b"")
cdef bytes VERSION = b" HTTP/1.1\r\n"
cdef bytes LENGTH = b"Content-Length: "
cdef bytes LINE_END = b"\r\n"
cdef tuple BODILESS = ("GET", "HEAD", "OPTIONS", "TRACE")


class LaneFault(Exception):
    """An error of the lane itself, not of the network or the exchange, while it was to write a request.

    Its text names the type of the error. may_have_left says whether a byte of the request can have left.
    """

    def __init__(self, reason, may_have_left):
        super().__init__(reason)
        self.may_have_left = may_have_left


@cython.final
cdef class Preamble:
    """The header lines that every request to a host begins with, as far as the signed form brings none of its own."""

    def __cinit__(self, dict headers not None):
        self._lines = {name.lower(): f"{name}: {value}\r\n".encode("ascii") for name, value in headers.items()}
        self._unsigned = VERSION + b"".join(self._lines.values())

    cdef bytes before(self, Signed signed):
        """Return the end of the request line and the header lines before those of the signed form."""
        if signed is None:
            return self._unsigned
        if signed.shared_lines is not self._known:
            own = {name.lower() for name in (*signed.shared_headers, *signed.own_names)}
            self._signed = VERSION + b"".join([line for name, line in self._lines.items() if name not in own])
            self._known = signed.shared_lines
        return self._signed


@cython.final
cdef class Lane:
    """One connection of its transport, after set_parser has been given this object.

    transport is asyncio's, and closed the future of aiohttp's protocol that tells how it ended. clock is the source of
    time. descriptor is asked before each request whether something has arrived unasked; a negative one is not.
    on_fault is told the type's name of an error of the lane itself, which send() raises and everything else survives.

    A lane is dead for good after anything that leaves in doubt what the next bytes on it mean.
    """

    def __cinit__(self, transport, closed, *, int descriptor, loop, clock, on_fault=None):
        self._reader = ReplyReader()
        self._transport = transport
        self._write = transport.write
        self._is_closing = transport.is_closing
        self._closed = closed
        self._new_waiter = loop.create_future
        self._monotonic = clock.monotonic
        self._call_later = clock.call_later
        self._descriptor = descriptor
        self._on_fault = on_fault

    cpdef bint is_silent(self) except -1:
        """Say whether it is open, idle, and nothing has arrived since its last reply, here or in the kernel."""
        cdef pollfd descriptor
        try:
            if self.is_dead or self._waiter is not None or self._is_closing():
                return False
        except Exception as error:
            self._fail(error)
            return False
        # poll passes over a negative descriptor.
        descriptor.fd = self._descriptor
        descriptor.events = SPOTLANE_UNASKED
        descriptor.revents = 0
        return poll(&descriptor, 1, 0) == 0

    cpdef object send(self, str method, str path, bytes query, Signed signed, Preamble preamble, bytes body,
                      Py_ssize_t limit, bint may_end_with_connection, double deadline_s, object stages):
        """Write one request and return a future of its reply: (status, fields, body, when it was whole), or a reason.

        path and query are the target where there is no signed form. limit caps the body of the reply. A request whose
        deadline_s comes first ends with the reason "deadline". stages is told when the first byte arrives. Call it only
        when is_silent() has just said yes.
        """
        if method is None or path is None or query is None or preamble is None or body is None:
            raise TypeError("a request has a method, a path, a query, a preamble and a body; an empty one is no None")
        self.may_have_left = False
        cdef bytes message = _message(method, path, query, signed, preamble.before(signed), body)
        waiter = self._new_waiter()
        if self.is_dead or self._waiter is not None:
            # Against the contract; nothing is written, and nobody waits for ever.
            waiter.set_result("disconnected")
            return waiter
        self._waiter = waiter
        self._stages = stages
        self._deadline_s = deadline_s
        self._reader.begin(limit, may_end_with_connection)
        self.written_s = self._monotonic()
        if self._timer is None or deadline_s < self._due_s:
            self._arm(self.written_s)
        self.may_have_left = True
        try:
            self._write(message)
        except Exception:
            # How much of it has left is not known.
            self._lose("disconnected")
        return waiter

    def feed_data(self, data):
        """Take what has arrived. Never raises: aiohttp would close the connection and tell nobody."""
        try:
            if self._waiter is None:
                # Nothing was asked: whatever this is, the next reply on this connection could not be trusted.
                self.abort()
                return TAKEN
            if self._stages is not None:
                self._stages.first_byte_s = self._monotonic()
                self._stages = None
            if self._reader.feed(data if type(data) is bytes else bytes(data)) != READING:
                self._settle()
        except Exception as error:
            self._fail(error)
        return TAKEN

    def feed_eof(self):
        """Take the end of the connection."""
        cdef bint is_orderly
        self.is_dead = True
        try:
            if self._waiter is None:
                self.abort()
                return
            is_orderly = self._closed is None or not self._closed.done() or (
                not self._closed.cancelled() and self._closed.exception() is None)
            self._reader.end(is_orderly)
            self._settle()
        except Exception as error:
            self._fail(error)

    cpdef object abort(self):
        """Close at once, dropping what was not written yet; a request under way ends as "disconnected"."""
        if self._waiter is not None:
            self._lose("disconnected")
        self.is_dead = True
        self._reader.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    @property
    def keepalive(self):
        """The value of the Keep-Alive field of the last reply, or None."""
        return self._reader.keepalive

    cdef int _arm(self, double now_s) except -1:
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = self._deadline_s
        self._timer = self._call_later(self._due_s - now_s, self._look_at_deadline)
        return 0

    cpdef object _look_at_deadline(self):
        """Let the request go whose deadline has come. One timer serves many requests: it is set anew when it is due."""
        cdef double now_s
        self._timer = None
        if self._waiter is None:
            return
        try:
            now_s = self._monotonic()
            if now_s >= self._deadline_s:
                self._lose("deadline")
            else:
                self._arm(now_s)
        except Exception as error:
            self._fail(error)

    cdef int _settle(self) except -1:
        """Hand over what the reader has, and see whether the connection can go on."""
        cdef ReplyReader reader = self._reader
        if reader.progress == LOST:
            return self._lose(reader.fault)
        waiter = self._waiter
        outcome = (reader.status, reader.fields, reader.take_body(), self._monotonic())
        self._waiter = None
        reader.forget()
        try:
            if not reader.is_clean or reader.status == REQUEST_TIMEOUT:
                self.abort()
        finally:
            if not waiter.done():
                waiter.set_result(outcome)
        return 0

    cdef int _lose(self, str reason) except -1:
        waiter = self._waiter
        self._waiter = None
        try:
            self.abort()
        finally:
            # Closing may fail, and nobody is to wait for ever.
            if waiter is not None and not waiter.done():
                waiter.set_result(reason)
        return 0

    cdef int _fail(self, error) except -1:
        """End for good over an error of its own; a request under way may have been executed."""
        if self._on_fault is not None:
            self._on_fault(type(error).__name__)
        return self._lose("lane")


cdef bytes _message(str method, str path, bytes query, Signed signed, bytes lines, bytes body):
    """Put the whole request together, in one piece of memory of its size."""
    cdef Py_ssize_t path_length = 0, method_length = 0, own = 0, shared = 0
    cdef Py_ssize_t body_length = PyBytes_GET_SIZE(body)
    cdef Py_ssize_t target, size
    cdef const char *path_text = NULL
    cdef const char *method_text = PyUnicode_AsUTF8AndSize(method, &method_length)
    cdef char digits[NUMBER_DIGITS]
    cdef Py_ssize_t digit_count = 0
    cdef bytes message
    cdef char *at
    if signed is not None:
        target = signed.length
        own = signed.end - signed.length
        shared = PyBytes_GET_SIZE(signed.shared_lines)
    else:
        path_text = PyUnicode_AsUTF8AndSize(path, &path_length)
        target = path_length + (PyBytes_GET_SIZE(query) + 1 if PyBytes_GET_SIZE(query) else 0)
    size = method_length + 1 + target + PyBytes_GET_SIZE(lines) + shared + own + 2 + body_length
    # RFC 9110 section 8.6: methods that are expected to have a body say so when they have none.
    if body_length or method not in BODILESS:
        digit_count = put_number(digits, body_length) - digits
        size += PyBytes_GET_SIZE(LENGTH) + digit_count + 2
    message = PyBytes_FromStringAndSize(NULL, size)
    at = put(put(PyBytes_AS_STRING(message), method_text, method_length), b" ", 1)
    if signed is not None:
        at = put(at, signed.data, signed.length)
    else:
        at = put(at, path_text, path_length)
        if PyBytes_GET_SIZE(query):
            at = put_bytes(put(at, b"?", 1), query)
    at = put_bytes(at, lines)
    if signed is not None:
        at = put_bytes(at, signed.shared_lines)
        at = put(at, signed.data + signed.length, own)
    if digit_count:
        at = put(put_bytes(at, LENGTH), digits, digit_count)
        at = put_bytes(at, LINE_END)
    at = put_bytes(at, LINE_END)
    put_bytes(at, body)
    return message
