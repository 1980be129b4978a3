"""A text that grows on the stack, and on the heap once it is long."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.string cimport memcpy, memset

cdef enum:
    # An order's query or body is under 300 bytes; longer ones move to the heap.
    SMALL = 1024


cdef struct Buffer:
    char *data
    Py_ssize_t length
    Py_ssize_t capacity
    char small[SMALL]


cdef inline void begin(Buffer *buffer) noexcept nogil:
    buffer.data = buffer.small
    buffer.length = 0
    buffer.capacity = SMALL


cdef inline void release(Buffer *buffer) noexcept:
    if buffer.data != buffer.small:
        PyMem_Free(buffer.data)


cdef inline int grow(Buffer *buffer, Py_ssize_t more) except -1:
    cdef Py_ssize_t capacity = 2 * (buffer.length + more)
    cdef char *data
    if buffer.data == buffer.small:
        data = <char *> PyMem_Malloc(capacity)
        if data != NULL:
            memcpy(data, buffer.small, buffer.length)
    else:
        data = <char *> PyMem_Realloc(buffer.data, capacity)
    if data == NULL:
        raise MemoryError
    buffer.data = data
    buffer.capacity = capacity
    return 0


cdef inline int reserve(Buffer *buffer, Py_ssize_t more) except -1:
    if buffer.capacity - buffer.length < more:
        return grow(buffer, more)
    return 0


cdef inline int append(Buffer *buffer, const char *data, Py_ssize_t length) except -1:
    reserve(buffer, length)
    memcpy(buffer.data + buffer.length, data, length)
    buffer.length += length
    return 0


cdef inline int append_zeros(Buffer *buffer, Py_ssize_t count) except -1:
    reserve(buffer, count)
    memset(buffer.data + buffer.length, c"0", count)
    buffer.length += count
    return 0
