# cython: auto_pickle=False
"""One HTTP/1.1 reply after another, read from the bytes of one connection.

The parser is llhttp in its strict mode, by way of httptools. What it leaves open stands here: which replies are
refused, how long they may be, and whether every byte that came belongs to the reply.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

cdef enum:
    # Of everything before the body, interim replies included: httptools has no limit of its own.
    LONGEST_HEAD = 16384
    # The most that the framing of a chunked body may be, in bytes for each byte of the body: six for chunks of one.
    MOST_FRAMING = 8
    # Of the empty line that ends a head, what may have come with an earlier piece.
    TAIL = 3
    INTERIM = 100
    SWITCHING = 101
    FINAL = 200
    NO_CONTENT = 204
    NOT_MODIFIED = 304

# llhttp takes HTTP/0.9 and HTTP/2.0 for granted, too.
cdef bytes VERSION = b"HTTP/1."
cdef bytes END_OF_HEAD = b"\r\n\r\n"
cdef bytes LAST_CHUNK = b"0\r\n\r\n"


cdef bint _is_called(bytes name, const char *expected, Py_ssize_t length) noexcept:
    """Compare the name of a field, whatever its case, with one in lower case."""
    cdef const char *given = PyBytes_AS_STRING(name)
    cdef Py_ssize_t i
    if PyBytes_GET_SIZE(name) != length:
        return False
    for i in range(length):
        # "-" is the same with the bit that makes a letter a small one.
        if given[i] | 0x20 != expected[i]:
            return False
    return True


cdef bint _ends_with(bytes data, bytes end) noexcept:
    cdef Py_ssize_t before = PyBytes_GET_SIZE(data) - PyBytes_GET_SIZE(end)
    return before >= 0 and memcmp(PyBytes_AS_STRING(data) + before, PyBytes_AS_STRING(end),
                                  PyBytes_GET_SIZE(end)) == 0


cdef Py_ssize_t _end_of_head(bytes data, Py_ssize_t earlier) noexcept:
    """Return where the first empty line after so many earlier ones ends, or -1."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef const char *end = start + PyBytes_GET_SIZE(data)
    cdef const char *at = start + TAIL
    while at < end:
        at = <const char *> memchr(at, c"\n", end - at)
        if at == NULL:
            return -1
        if memcmp(at - TAIL, PyBytes_AS_STRING(END_OF_HEAD), TAIL) == 0:
            if earlier == 0:
                return at + 1 - start
            earlier -= 1
        at += 1
    return -1


@cython.final
cdef class _Events:
    """What the parser calls; apart from the reader, which nobody else may tell that a reply is whole."""

    cdef ReplyReader reader

    def on_message_begin(self):
        if self.reader.progress == WHOLE:
            self.reader.is_clean = False

    def on_header(self, bytes name, bytes value):
        cdef ReplyReader reader = self.reader
        if reader.progress != READING:
            return
        if reader._has_head:
            # A trailer, which RFC 9112 section 7.1.2 lets a recipient drop.
            return
        reader._head_size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value)
        if reader._head_size > LONGEST_HEAD:
            reader._lose("malformed")
            return
        reader.fields.append((name, value))
        if _is_called(name, b"content-length", 14):
            reader._declared = int(value)
        elif _is_called(name, b"transfer-encoding", 17):
            # Twice is a coding of its own, which was not asked for either.
            if reader._is_chunked or value.strip().lower() != b"chunked":
                reader._lose("encoded")
                return
            reader._is_chunked = True
        elif _is_called(name, b"content-encoding", 16):
            if value.strip().lower() not in (b"", b"identity"):
                reader._lose("encoded")
        elif _is_called(name, b"keep-alive", 10):
            reader.keepalive = value

    def on_headers_complete(self):
        cdef ReplyReader reader = self.reader
        cdef int status
        if reader.progress != READING:
            return
        status = reader._parser.get_status_code()
        if INTERIM <= status < FINAL and status != SWITCHING:
            return
        reader.status = status
        reader._has_head = True
        if status < FINAL:
            reader._lose("malformed")
        elif reader._declared > reader._limit:
            reader._lose("oversize")
        elif (reader._declared < 0 and not reader._is_chunked and status != NO_CONTENT and status != NOT_MODIFIED
                and not reader._may_end_with_connection):
            # Where such a body ends can't be told from where it was cut.
            reader._lose("truncated")

    def on_body(self, bytes part):
        cdef ReplyReader reader = self.reader
        if reader.progress != READING:
            return
        reader._body_size += PyBytes_GET_SIZE(part)
        if reader._body_size > reader._limit:
            reader._lose("oversize")
            return
        reader._last = part
        if reader._first is None:
            reader._first = part
        else:
            if reader._gathered is None:
                reader._gathered = bytearray(reader._first)
            reader._gathered += part

    def on_message_complete(self):
        cdef ReplyReader reader = self.reader
        if reader.progress != READING:
            return
        if not reader._has_head:
            # 100 to 199: the reply proper is still to come.
            reader._interims += 1
            reader.fields = []
            reader._declared = -1
            return
        reader.is_clean = reader._parser.should_keep_alive()
        reader.progress = WHOLE


@cython.final
cdef class ReplyReader:
    """Reads the replies of one connection, one at a time: start() for each, then read() until it is whole.

    status, fields (pairs of name and value as received) and body are those of the reply that was read last. fault is
    one of the transport's reasons for a lost reply, or None. is_clean says that the connection can carry another
    request: the server keeps it open, and every byte that came belongs to the reply. keepalive is the value of a
    Keep-Alive field, or None.
    """

    def __cinit__(self):
        cdef _Events events = _Events.__new__(_Events)
        events.reader = self
        self._parser = HttpResponseParser(events)
        self._feed = self._parser.feed_data
        self.fields = []
        self.progress = LOST

    def close(self):
        """Let go of the parser, which leads back to here. Nothing can be read any more."""
        self._parser = self._feed = None
        self.is_clean = False
        self.fault = "disconnected"
        self.progress = LOST

    def start(self, limit, may_end_with_connection):
        """Expect one reply of at most limit bytes of body, whose end may be that of the connection or not."""
        self.begin(limit, may_end_with_connection)

    def read(self, bytes data not None):
        """Read bytes as they arrived. Return 0 while the reply goes on, 1 once it is whole, 2 once it is lost."""
        return self.feed(data)

    def finish(self, is_orderly):
        """Read the end of the connection, which was orderly or not. Return as read() does."""
        return self.end(is_orderly)

    @property
    def body(self):
        """The body of a whole reply, as received."""
        return self.take_body()

    cdef void begin(self, Py_ssize_t limit, bint may_end_with_connection):
        self.status = 0
        self.fields = []
        self.fault = None
        self.keepalive = None
        self.is_clean = False
        self.progress = LOST if self._parser is None else READING
        self._first = self._last = None
        self._gathered = self._tail = None
        self._limit = limit
        self._received = self._head_size = self._body_size = self._interims = 0
        self._declared = -1
        self._may_end_with_connection = may_end_with_connection
        self._has_head = self._is_chunked = False

    cdef Progress feed(self, bytes data):
        cdef bint had_head = self._has_head
        if self.progress != READING:
            self.is_clean = False
            return self.progress
        if self._received < PyBytes_GET_SIZE(VERSION) and not self._begins_well(data):
            self._lose("malformed")
            return self.progress
        self._received += PyBytes_GET_SIZE(data)
        self._last = None
        self._interims = 0
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            # After a whole reply this is about what follows it, which is nobody's answer.
            self.is_clean = False
            if self.progress == READING:
                self._lose("malformed")
        if self.progress == WHOLE:
            self.is_clean = self.is_clean and self._is_all_of(data, had_head)
        elif self.progress == READING:
            if not self._has_head:
                self._tail = (data if self._tail is None else self._tail + data)[-TAIL:]
            if self._received > LONGEST_HEAD:
                self._lose_if_too_long()
        return self.progress

    cdef Progress end(self, bint is_orderly):
        self.is_clean = False
        if self.progress == READING:
            if not self._has_head:
                self._lose("disconnected")
            elif is_orderly and self._declared < 0 and not self._is_chunked:
                self.progress = WHOLE
            else:
                self._lose("truncated")
        return self.progress

    cdef bytes take_body(self):
        if self._gathered is not None:
            return bytes(self._gathered)
        return b"" if self._first is None else self._first

    cdef void forget(self):
        self.fields = []
        self._first = self._last = None
        self._gathered = None

    cdef void _lose(self, str fault):
        self.fault = fault
        self.is_clean = False
        self.progress = LOST
        # What was gathered so far may be large, and nobody will read it.
        self.forget()

    cdef void _lose_if_too_long(self):
        if not self._has_head:
            self._lose("malformed")
        elif self._received > LONGEST_HEAD + MOST_FRAMING * self._limit:
            self._lose("oversize")

    cdef bint _begins_well(self, bytes data) noexcept:
        cdef Py_ssize_t length = min(PyBytes_GET_SIZE(VERSION) - self._received, PyBytes_GET_SIZE(data))
        return memcmp(PyBytes_AS_STRING(data), PyBytes_AS_STRING(VERSION) + self._received, length) == 0

    cdef bint _is_all_of(self, bytes data, bint had_head):
        """Say whether the bytes that made a reply whole end where it ends.

        The parser skips line ends between two replies, so it does not tell of all that came too much.
        """
        cdef Py_ssize_t body = 0 if self._last is None else PyBytes_GET_SIZE(self._last)
        if self._is_chunked:
            return _ends_with(data, LAST_CHUNK)
        if had_head:
            return body == PyBytes_GET_SIZE(data)
        if self._tail is not None:
            data = self._tail + data
        return _end_of_head(data, self._interims) == PyBytes_GET_SIZE(data) - body
