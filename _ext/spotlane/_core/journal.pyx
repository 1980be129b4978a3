# cython: auto_pickle=False, autotestdict=False
"""The records of a journal: encoded into one piece of memory and written by one call."""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject, PyObject_Str
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DATA, PyUnicode_GET_LENGTH
from libc.errno cimport EDQUOT, EFBIG, ENOSPC, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from spotlane._core._record cimport (
    CRC, EPOCH, HEAD, INTENT, MAGIC_0, MAGIC_1, MOST_BYTES, NOTE, NO_AMOUNT, NO_TEXT, SCALED, SPELLED, Kind, crc32_of,
    crc32_prepare, put32, put64
)
from spotlane._core.records cimport AMOUNTS, Codec
from spotlane._core.structs cimport EMPTY, OBJECT, Slot, _Field, _Struct, plain_number, value_of

import os

from spotlane.errors import StateError, UsageError, WrongContext

cdef extern from "file_calls.h":
    int64_t file_write(int fd, const uint8_t* data, size_t length) noexcept
    int file_truncate(int fd, int64_t length) noexcept

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text) noexcept

crc32_prepare()


@cython.final
cdef class Writer:
    """Appends records to a file that is open for appending, each whole or not at all.

    size_bytes is how much of the file is whole, sequence the number of the next record. write and truncate stand in
    for the system's calls. A full disk raises StateError and leaves the file as it was; after a failure that cannot be
    undone, and after a fork, nothing is written any more.
    """

    cdef Codec codec
    cdef object write
    cdef object truncate
    cdef str path
    cdef int fd
    cdef uint8_t* data
    cdef Py_ssize_t capacity
    cdef Py_ssize_t filled    # notes that wait for the next write
    cdef bint busy            # a finalizer or another thread can come in wherever Python code runs
    cdef bint forked
    cdef readonly int64_t size_bytes
    cdef readonly uint64_t sequence
    cdef readonly uint32_t epoch
    cdef readonly long lost_notes
    cdef readonly str failure

    def __cinit__(
        self, Codec codec not None, int fd, str path not None, *, int64_t size_bytes, uint64_t sequence, uint32_t epoch,
        write=None, truncate=None
    ):
        self.codec, self.fd, self.path = codec, fd, path
        self.size_bytes, self.sequence, self.epoch = size_bytes, sequence, epoch
        self.write, self.truncate = write, truncate

    def __dealloc__(self):
        PyMem_Free(self.data)

    @property
    def pending_bytes(self):
        """Return how many bytes of notes wait for the next write."""
        return self.filled

    def fail(self, str reason not None):
        """Write nothing any more; the first reason is kept."""
        if self.failure is None:
            self.failure = reason

    def leave_to_parent(self):
        """Write nothing any more: this is a forked child, and the file is its parent's."""
        self.forked = True

    def append_epoch(self, int64_t now_ms, uint32_t pid):
        """Write the record that begins this writer's epoch, with what was carried before it. Raises StateError."""
        cdef Py_ssize_t start = self._enter()
        try:
            self._begin(EPOCH, now_ms, self.epoch)
            self._reserve(4)
            put32(self.data + self.filled, pid)
            self.filled += 4
            self._end(start)
            self._write()
        finally:
            self.busy = False

    def append_intent(
        self, str client_order_id not None, _Struct params not None, int64_t now_ms, int64_t not_after_ms,
        int64_t window_ms
    ):
        """Write an intent, and the notes that wait in front of it, by one call.

        Raises StateError, WrongContext after a fork, and UsageError for an order that no record can hold; the file then
        has nothing of the intent.
        """
        cdef uint64_t sequence = self.sequence
        cdef Py_ssize_t start = self._enter()
        try:
            self._begin(INTENT, now_ms, self.epoch)
            self._put_text(client_order_id)
            self._put_order(params, not_after_ms, window_ms)
            self._end(start)
            self._write()
        except BaseException:
            self.filled, self.sequence = start, sequence
            self.busy = False
            raise
        self.busy = False

    def note(self, str client_order_id not None, state, str order_id, int64_t now_ms):
        """Keep a note for the next write. Never raises: a note that no record can hold is counted in lost_notes."""
        cdef uint64_t sequence = self.sequence
        cdef Py_ssize_t start = self.filled
        if self.failure is not None or self.forked or self.busy:
            self.lost_notes += 1
            return
        self.busy = True
        try:
            self._begin(NOTE, now_ms, self.epoch)
            self._put_text(client_order_id)
            self._reserve(1)
            self.data[self.filled] = 1 + <uint8_t>self.codec.states.index(state)
            self.filled += 1
            self._put_text(order_id)
            self._end(start)
        except Exception:
            self.filled, self.sequence = start, sequence
            self.lost_notes += 1
        finally:
            self.busy = False

    def carry(self, const uint8_t[::1] record not None):
        """Keep a whole record of another file for the next write, with its epoch, time and content."""
        cdef Py_ssize_t start = self._enter()
        try:
            self._reserve(record.shape[0])
            memcpy(self.data + start, &record[0], record.shape[0])
            put64(self.data + start + 12, self.sequence)
            self.filled += record.shape[0] - CRC
            self._end(start)
        finally:
            self.busy = False

    def flush(self):
        """Write the notes that wait. Does nothing while something else is being written. Raises StateError."""
        if self.busy or not self.filled:
            return
        self._enter()
        try:
            self._write()
        finally:
            self.busy = False

    cdef Py_ssize_t _enter(self) except -1:
        if self.forked:
            raise WrongContext(f"the journal {self.path} belongs to the process that opened it, and this is a fork")
        if self.failure is not None:
            raise StateError(self.failure)
        if self.busy:
            raise StateError(f"the journal {self.path} is being written by another thread: nothing was written")
        self.busy = True
        return self.filled

    cdef int _begin(self, Kind kind, int64_t now_ms, uint32_t epoch) except -1:
        cdef uint8_t* at
        self._reserve(HEAD)
        at = self.data + self.filled
        at[0], at[1], at[2], at[3] = MAGIC_0, MAGIC_1, kind, 0
        put32(at + 8, epoch)
        put64(at + 12, self.sequence)
        put64(at + 20, <uint64_t>now_ms)
        self.filled += HEAD
        return 0

    cdef int _end(self, Py_ssize_t start) except -1:
        cdef Py_ssize_t length = self.filled - start + CRC
        if length > MOST_BYTES:
            raise UsageError(f"an order takes {length} bytes in the journal, and {MOST_BYTES} is the most")
        self._reserve(CRC)
        put32(self.data + start + 4, <uint32_t>length)
        put32(self.data + self.filled, crc32_of(self.data + start, length - CRC))
        self.filled += CRC
        self.sequence += 1
        return 0

    cdef int _put_order(self, _Struct params, int64_t not_after_ms, int64_t window_ms) except -1:
        cdef Codec codec = self.codec
        cdef Slot* slots = params.slots
        cdef _Struct symbol
        cdef uint8_t* at
        cdef int each
        if type(params) is not codec.params and not isinstance(params, codec.params):
            raise TypeError(f"a journal takes {codec.params.__name__}, not {type(params).__name__}")
        self._reserve(19)
        at = self.data + self.filled
        put64(at, <uint64_t>not_after_ms)
        put64(at + 8, <uint64_t>window_ms)
        at[16] = place_of(codec.sides, &slots[codec.side_at])
        at[17] = place_of(codec.order_types, &slots[codec.type_at])
        at[18] = place_of(codec.times, &slots[codec.time_at])
        self.filled += 19
        symbol = <_Struct?><object>slots[codec.symbol_at].object
        for each in range(2):
            self._put_text(<str><object>symbol.slots[each].object)
        self._put_text(
            None if slots[codec.prevention_at].tag == EMPTY else <str><object>slots[codec.prevention_at].object
        )
        for each in range(AMOUNTS):
            self._put_amount(params, codec.amounts[each])
        return 0

    cdef int _put_amount(self, _Struct params, Py_ssize_t index) except -1:
        cdef int64_t coefficient = 0
        cdef int32_t exponent = 0
        cdef int told = plain_number(params, index, &coefficient, &exponent)
        cdef uint8_t* at
        self._reserve(13)
        at = self.data + self.filled
        at[0] = SCALED if told > 0 else NO_AMOUNT if told == 0 else SPELLED
        self.filled += 1
        if told > 0:
            put32(at + 1, <uint32_t>exponent)
            put64(at + 5, <uint64_t>coefficient)
            self.filled += 12
        elif told < 0:
            self._put_text(PyObject_Str(value_of(params, <_Field>self.codec.layout.fields[index])))
        return 0

    cdef int _put_text(self, str text) except -1:
        cdef Py_ssize_t length = 0
        cdef const char* told = NULL
        if text is None:
            self._reserve(2)
            self._put_length(NO_TEXT)
            return 0
        if PyUnicode_IS_ASCII(text):
            told, length = <const char*>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text)
        else:
            told = utf8_of(text, &length)
        if length >= NO_TEXT:
            raise UsageError(f"the journal can't hold a text of {length} bytes")
        self._reserve(2 + length)
        self._put_length(length)
        memcpy(self.data + self.filled, told, length)
        self.filled += length
        return 0

    cdef inline void _put_length(self, Py_ssize_t length) noexcept:
        self.data[self.filled] = <uint8_t>(length & 255)
        self.data[self.filled + 1] = <uint8_t>(length >> 8)
        self.filled += 2

    cdef inline int _reserve(self, Py_ssize_t more) except -1:
        cdef uint8_t* data
        if self.capacity - self.filled < more:
            data = <uint8_t*>PyMem_Realloc(self.data, 2 * (self.filled + more) + 1024)
            if data == NULL:
                raise MemoryError
            self.data = data
            self.capacity = 2 * (self.filled + more) + 1024
        return 0

    cdef int _write(self) except -1:
        cdef int64_t written
        cdef int number = 0
        if self.write is None:
            written = file_write(self.fd, self.data, self.filled)
            number = errno if written < 0 else 0
        else:
            try:
                written = self.write(self.fd, (<char*>self.data)[:self.filled])
            except OSError as error:
                written, number = -1, error.errno
        if written == self.filled:
            self.size_bytes += written
            self.filled = 0
            return 0
        if written > 0:
            self._undo()
        elif number not in (ENOSPC, EDQUOT, EFBIG):
            self.fail(
                f"the journal {self.path} can't be written ({os.strerror(number)}): look at the disk, then open the "
                "client again"
            )
        if self.failure is not None:
            raise StateError(self.failure)
        reason = os.strerror(number) if number else "only a part could be written, and was taken back"
        raise StateError(
            f"the journal {self.path} has no room ({reason}): free space or raise the limit; nothing is sent"
        )

    cdef int _undo(self) except -1:
        """Take back what a short write has left."""
        cdef bint undone
        if self.truncate is None:
            undone = file_truncate(self.fd, self.size_bytes) == 0
        else:
            try:
                self.truncate(self.fd, self.size_bytes)
                undone = True
            except OSError:
                undone = False
        if not undone:
            self.fail(
                f"the journal {self.path} ends in half a record that could not be taken back: free space, then open "
                "the client again"
            )
        return 0


cdef const char* utf8_of(str text, Py_ssize_t* length) except NULL:
    try:
        return PyUnicode_AsUTF8AndSize(text, length)
    except UnicodeEncodeError:
        raise UsageError(f"the journal can't hold {text!a}: it is no text in UTF-8") from None


cdef inline uint8_t place_of(tuple members, Slot* slot) except? 255:
    cdef Py_ssize_t at
    if slot.tag != OBJECT:
        return 0
    for at in range(len(members)):
        if <PyObject*>members[at] == slot.object:
            return <uint8_t>(at + 1)
    raise ValueError(f"the journal has no number for {<object>slot.object}")
