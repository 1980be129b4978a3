from libc.stdint cimport uint8_t, uint64_t

from spotlane._core.secret cimport Vault, refuse_wiped


cdef class Hmac:
    # A sha2_kernel of sha2.h and, in the vault, two sha2_state, which a module that only signs need not see.
    cdef const void *_kernel
    cdef const uint64_t *_alive
    cdef const uint64_t *_inner
    cdef const uint64_t *_outer
    cdef Vault _vault
    cdef int _size

    cdef void _absorb(self, const uint8_t *key, size_t length) noexcept nogil
    cdef int _digest_into(self, const uint8_t *message, size_t length, uint8_t *digest) noexcept nogil

    # Writes 64 or 128 lowercase characters, no terminating zero, and returns how many.
    cdef int hexdigest_into(self, const uint8_t *message, size_t length, char *out) noexcept nogil


# What signs asks before: a signer that was wiped, or stayed behind at a fork, would sign with zeros.
cdef inline int check_signer(Hmac signer) except -1:
    if signer._alive[0] == 0:
        refuse_wiped("this signer")
    return 0


cdef enum:
    # Room for the request of an order in either scheme; longer ones are on the heap.
    SMALL_REQUEST = 640


cdef class Signed:
    # data[0:length] is the request target; data[length:end] are the header lines of this request alone, "Name: value"
    # with CR and LF each, named by own_names in this order. Overwritten up to end when the object goes.
    cdef char *data
    cdef Py_ssize_t length
    cdef Py_ssize_t end
    cdef char _small[SMALL_REQUEST]
    # The other headers, and the same as lines; shared by every request of one key, so never changed.
    cdef dict shared_headers
    cdef bytes shared_lines
    cdef tuple own_names


cdef class QueryAuth:
    cdef Hmac _signer
    cdef dict _headers
    cdef bytes _header_lines
    cdef bytes _window, _stamp, _signature
    cdef int _signature_length

    cpdef Signed sign(self, object path, bytes query, object stamp_ms, object window_ms)


# What every scheme begins with. room is for all that is written into data.
cdef Signed new_signed(Py_ssize_t room, dict shared_headers, bytes shared_lines, tuple own_names)
cdef long long milliseconds(object value, str name) except -1
# Refuses what would not be one request target. The text belongs to path.
cdef const char *path_text(object path, Py_ssize_t *length) except NULL
cdef int check_query(bytes query) except -1
# The headers that every request has; own_names are those that it makes for itself. No message shows a value, for one of
# them is a key.
cdef dict checked_headers(str key_name, str key, object others, tuple own_names)
cdef bytes lines_of(dict headers)

# Writes 128 lowercase characters, no terminating zero.
cdef void sha512_hex_into(const uint8_t *data, size_t length, char *out) noexcept nogil
