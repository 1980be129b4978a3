"""HMAC with the key absorbed once, signed requests, and the scheme whose signature is part of the query string.

The kernels are in sha2.h. Which options were measured and why these were taken: docs/signing.md.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from spotlane._core._put cimport NUMBER_DIGITS, is_visible, put, put_bytes, put_number
from spotlane._core.secret cimport CONTENT, Secret, new_vault, protection_of

from spotlane._core.encoding import quote
from spotlane.errors import UsageError


cdef extern from "sha2.h" nogil:
    ctypedef union sha2_state:
        pass
    ctypedef struct sha2_kernel:
        const char *name
        int bits
        int (*available)() noexcept nogil
        void (*compress)(sha2_state *state, const uint8_t *data, size_t blocks) noexcept nogil
    const sha2_kernel sha2_kernels[]
    enum:
        SHA2_KERNEL_COUNT
        SHA2_MAX_BLOCK
        SHA2_MAX_DIGEST
    void sha2_start(const sha2_kernel *kernel, sha2_state *state)
    void sha2_finish(const sha2_kernel *kernel, sha2_state *state, const uint8_t *data, size_t length, size_t before,
                     uint8_t *digest)
    void sha2_wipe(void *memory, size_t length)
    void sha2_hex(const uint8_t *data, int length, char *out)


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)


cdef int _bits(str algorithm) except -1:
    if algorithm == "sha256":
        return 256
    if algorithm == "sha512":
        return 512
    raise ValueError(f"algorithm must be 'sha256' or 'sha512', not {algorithm!r}")


cdef const sha2_kernel *_choose(int bits, str name) except NULL:
    cdef int i
    for i in range(SHA2_KERNEL_COUNT):
        if sha2_kernels[i].bits != bits or (name is not None and (<bytes> sha2_kernels[i].name).decode() != name):
            continue
        if sha2_kernels[i].available():
            return &sha2_kernels[i]
    raise ValueError(f"no kernel {name!r} for {bits} bits on this processor")


# Asked for once: finding out costs a cpuid, which a hypervisor may trap.
cdef const sha2_kernel *BEST_SHA512 = _choose(512, None)


def kernels(str algorithm not None):
    """Return the names of the kernels that this processor can run, fastest first.

    The first is used unless another is asked for. ValueError for an algorithm other than "sha256" or "sha512".
    """
    cdef int bits = _bits(algorithm)
    cdef int i
    return tuple([(<bytes> sha2_kernels[i].name).decode() for i in range(SHA2_KERNEL_COUNT)
                  if sha2_kernels[i].bits == bits and sha2_kernels[i].available()])


cdef enum:
    STATE_WORDS = 8


@cython.final
cdef class Hmac:
    """Authenticate messages with a key that is absorbed once.

    algorithm is "sha256" or "sha512"; key is a Secret, or any buffer of bytes, of any length. What is kept is the two
    chaining states after the key block (RFC 2104 section 4), never the key; they are as good as the key for signing, so
    they are in memory as a Secret's is, and overwritten when the object goes. After wipe(), and in a forked child where
    the system does that, signing is a StateError; nothing else can fail once it is made.
    kernel names one of kernels(algorithm) and is for tests and measurements.
    """

    def __cinit__(self, str algorithm not None, key, *, str kernel=None):
        cdef Py_buffer view
        cdef const uint8_t *text
        cdef size_t length = 0
        cdef int bits = _bits(algorithm)
        self._kernel = _choose(bits, kernel)
        self._size = bits // 8
        if isinstance(key, str):
            raise TypeError("key must be bytes, not str: encode it first")
        self._vault = new_vault(2 * STATE_WORDS * sizeof(uint64_t))
        self._alive = self._vault.memory
        self._inner = self._alive + CONTENT
        self._outer = self._inner + STATE_WORDS
        if isinstance(key, Secret):
            text = (<Secret> key).content(&length)
            self._absorb(text, length)
            return
        PyObject_GetBuffer(key, &view, PyBUF_SIMPLE)
        try:
            self._absorb(<const uint8_t *> view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef void _absorb(self, const uint8_t *key, size_t length) noexcept nogil:
        cdef const sha2_kernel *kernel = <const sha2_kernel *> self._kernel
        cdef uint8_t block[SHA2_MAX_BLOCK]
        cdef sha2_state scratch
        cdef int block_size = 2 * self._size
        cdef int i
        sha2_wipe(block, SHA2_MAX_BLOCK)
        if length > <size_t> block_size:
            sha2_start(kernel, &scratch)
            sha2_finish(kernel, &scratch, key, length, 0, block)
        elif length:
            memcpy(block, key, length)
        for i in range(block_size):
            block[i] ^= 0x36
        sha2_start(kernel, <sha2_state *> self._inner)
        kernel.compress(<sha2_state *> self._inner, block, 1)
        for i in range(block_size):
            block[i] ^= 0x36 ^ 0x5c
        sha2_start(kernel, <sha2_state *> self._outer)
        kernel.compress(<sha2_state *> self._outer, block, 1)
        # What a compression leaves in registers and on the stack can be computed back to the key block, so the same
        # calls, the one for a long key included, are made once more on nothing.
        sha2_wipe(block, SHA2_MAX_BLOCK)
        sha2_start(kernel, &scratch)
        kernel.compress(&scratch, block, 1)
        sha2_finish(kernel, &scratch, block, block_size, 0, block)

    cdef int _digest_into(self, const uint8_t *message, size_t length, uint8_t *digest) noexcept nogil:
        cdef const sha2_kernel *kernel = <const sha2_kernel *> self._kernel
        cdef sha2_state state
        memcpy(&state, self._inner, sizeof(state))
        sha2_finish(kernel, &state, message, length, 2 * self._size, digest)
        memcpy(&state, self._outer, sizeof(state))
        sha2_finish(kernel, &state, digest, self._size, 2 * self._size, digest)
        return self._size

    cdef int hexdigest_into(self, const uint8_t *message, size_t length, char *out) noexcept nogil:
        cdef uint8_t digest[SHA2_MAX_DIGEST]
        cdef int size = self._digest_into(message, length, digest)
        sha2_hex(digest, size, out)
        return 2 * size

    def wipe(self):
        """Overwrite what it signs with. Signing is a StateError after that; wiping again is none."""
        self._vault.wipe()

    @property
    def protection(self):
        """What the system does for the memory of its states: a Protection of spotlane._core.secret."""
        return protection_of(self._vault)

    @property
    def kernel(self):
        """The name of the kernel in use."""
        return (<bytes> (<const sha2_kernel *> self._kernel).name).decode()

    def hexdigest(self, bytes message not None):
        """Return the authentication code of message as 64 or 128 lowercase hexadecimal characters."""
        cdef char text[2 * SHA2_MAX_DIGEST]
        check_signer(self)
        cdef int size = self.hexdigest_into(<const uint8_t *> PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message),
                                            text)
        return PyUnicode_DecodeASCII(text, size, NULL)

    def digest(self, bytes message not None):
        """Return the authentication code of message as 32 or 64 bytes."""
        cdef uint8_t digest[SHA2_MAX_DIGEST]
        check_signer(self)
        cdef int size = self._digest_into(<const uint8_t *> PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message),
                                          digest)
        return PyBytes_FromStringAndSize(<char *> digest, size)

    def __repr__(self):
        return f"<Hmac sha{8 * self._size}>"

    def __reduce__(self):
        raise TypeError("a signer holds a secret and cannot be copied or pickled")


cdef void sha512_hex_into(const uint8_t *data, size_t length, char *out) noexcept nogil:
    cdef uint8_t digest[SHA2_MAX_DIGEST]
    cdef sha2_state state
    sha2_start(BEST_SHA512, &state)
    sha2_finish(BEST_SHA512, &state, data, length, 0, digest)
    sha2_hex(digest, SHA2_MAX_DIGEST, out)


def sha512_hex(bytes data not None):
    """Return the SHA-512 digest of data as 128 lowercase hexadecimal characters."""
    cdef char text[2 * SHA2_MAX_DIGEST]
    sha512_hex_into(<const uint8_t *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), text)
    return PyUnicode_DecodeASCII(text, 2 * SHA2_MAX_DIGEST, NULL)


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Signed:
    """One signed request: the target and the headers, which hold the signature and the key.

    Made by an authenticator's sign() only. Shows nothing of itself: no repr, no comparison by content, no copy, no
    pickle.
    """

    def __init__(self, *args, **kwargs):
        raise TypeError("a signed request is made by the sign method of an authenticator")

    def __cinit__(self):
        self.data = self._small
        self.length = 0
        self.end = 0

    def __dealloc__(self):
        sha2_wipe(self.data, self.end)
        if self.data != self._small:
            PyMem_Free(self.data)

    @property
    def target(self):
        """The request target: the path, and "?" and the query where there is one. Made anew on every access."""
        return PyUnicode_DecodeASCII(self.data, self.length, NULL)

    @property
    def headers(self):
        """The headers to send with it, key included. A new dict on every access."""
        cdef const char *at = self.data + self.length
        cdef const char *stop = self.data + self.end
        cdef const char *value_end
        cdef dict headers = self.shared_headers.copy()
        for name in self.own_names:
            if at == stop:
                break
            at += PyUnicode_GET_LENGTH(name) + 2
            value_end = <const char *> memchr(at, c"\r", stop - at)
            headers[name] = PyUnicode_DecodeASCII(at, value_end - at, NULL)
            at = value_end + 2
        return headers

    @property
    def header_lines(self):
        """The same headers as they stand in the head of a request, each line with its line end."""
        return self.shared_lines + PyBytes_FromStringAndSize(self.data + self.length, self.end - self.length)

    def __repr__(self):
        return "<Signed>"

    def __reduce__(self):
        raise TypeError("a signed request holds a secret and cannot be copied or pickled")


cdef Signed new_signed(Py_ssize_t room, dict shared_headers, bytes shared_lines, tuple own_names):
    cdef Signed signed = Signed.__new__(Signed)
    cdef char *data
    signed.shared_headers = shared_headers
    signed.shared_lines = shared_lines
    signed.own_names = own_names
    if room > SMALL_REQUEST:
        data = <char *> PyMem_Malloc(room)
        if data == NULL:
            raise MemoryError
        signed.data = data
    return signed


cdef long long milliseconds(object value, str name) except -1:
    cdef int overflow = 0
    cdef long long number
    if not PyLong_CheckExact(value):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow or number < 0:
        raise UsageError(f"{name} must be between 0 and {(1 << 63) - 1}, not {value}")
    return number


cdef const char *path_text(object path, Py_ssize_t *length) except NULL:
    cdef const char *text = b""
    length[0] = 0
    if isinstance(path, bytes):
        text = PyBytes_AS_STRING(path)
        length[0] = PyBytes_GET_SIZE(path)
    elif not isinstance(path, str):
        raise TypeError(f"path must be str or bytes, not {type(path).__name__}")
    elif PyUnicode_IS_COMPACT_ASCII(path):
        text = PyUnicode_AsUTF8AndSize(path, length)
    if (length[0] == 0 or text[0] != c"/" or memchr(text, c"?", length[0]) != NULL
            or not is_visible(text, length[0])):
        raise UsageError(f"not a path of printable ASCII that starts with '/' and ends before '?': {path!r}")
    return text


cdef int check_query(bytes query) except -1:
    if query is None:
        raise TypeError("query must be bytes, not None")
    if not is_visible(PyBytes_AS_STRING(query), PyBytes_GET_SIZE(query)):
        raise UsageError("the query holds a blank, '#' or a character that is not printable ASCII: encode it first")
    return 0


cdef bint _is_header_value(str text):
    return bool(text) and text.isascii() and text.isprintable() and text.strip() == text


cdef bint _is_header_name(str text):
    return bool(text) and text.isascii() and all([c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in text])


cdef dict checked_headers(str key_name, str key, object others, tuple own_names):
    pairs = ((key_name, key), *(() if others is None else others.items()))
    for name, value in (*pairs, *[(name, "made later") for name in own_names]):
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("header names and values must be str")
        if not _is_header_name(name):
            raise UsageError(f"not a header name: {name!r}")
        if not _is_header_value(value):
            raise UsageError(f"the value of header {name!r} is empty, starts or ends with a blank, or holds a "
                             "character other than printable ASCII")
    names = [*[name for name, _ in pairs], *own_names]
    if len({name.lower() for name in names}) != len(names):
        raise UsageError(f"a header is given twice: {', '.join(names)}")
    return dict(pairs)


cdef bytes lines_of(dict headers):
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode()


@cython.final
cdef class QueryAuth:
    """Sign requests whose signature is a parameter of the query string.

    signer makes the signature, in lowercase hexadecimal; api_key travels in the header api_key_header, beside headers.
    timestamp_name, window_name and signature_name are the parameters' names; window_name None is a scheme without
    a validity window. What is signed is everything between "?" and "&signature=", byte for byte.
    """

    def __cinit__(self, *, Hmac signer not None, str api_key not None, str api_key_header not None,
                  str timestamp_name not None="timestamp", str window_name="recvWindow",
                  str signature_name not None="signature", headers=None):
        self._signer = signer
        self._signature_length = 2 * signer._size
        self._headers = checked_headers(api_key_header, api_key, headers, ())
        self._header_lines = lines_of(self._headers)
        self._stamp = f"{quote(timestamp_name)}=".encode()
        self._window = None if window_name is None else f"{quote(window_name)}=".encode()
        self._signature = f"&{quote(signature_name)}=".encode()

    def __repr__(self):
        return "<QueryAuth>"

    def __reduce__(self):
        raise TypeError("a signer holds a secret and cannot be copied or pickled")

    cpdef Signed sign(self, object path, bytes query, object stamp_ms, object window_ms):
        """Return the signed request of path and query.

        path starts with "/" and holds no query; query is encoded already and may be empty. stamp_ms is the time of
        signing, milliseconds since the epoch; window_ms is for how long it is valid, None leaves it to the exchange.
        To the query are added the window, the timestamp and the signature, in this order.
        UsageError where the path or the query would not be one request target, or a time is negative or beyond int64.
        """
        cdef Py_ssize_t path_length
        cdef const char *path_start = path_text(path, &path_length)
        cdef long long stamp = milliseconds(stamp_ms, "stamp_ms")
        cdef long long window = 0
        cdef Py_ssize_t room
        cdef Signed signed
        cdef char *signed_from
        cdef char *at
        check_query(query)
        check_signer(self._signer)
        if window_ms is not None:
            if self._window is None:
                raise UsageError("this scheme has no validity window: window_ms must be None")
            window = milliseconds(window_ms, "window_ms")

        room = (path_length + PyBytes_GET_SIZE(query) + PyBytes_GET_SIZE(self._stamp) + NUMBER_DIGITS
                + PyBytes_GET_SIZE(self._signature) + self._signature_length + 3)
        if window_ms is not None:
            room += PyBytes_GET_SIZE(self._window) + NUMBER_DIGITS
        signed = new_signed(room, self._headers, self._header_lines, ())
        at = put(signed.data, path_start, path_length)
        at = put(at, b"?", 1)
        signed_from = at
        if PyBytes_GET_SIZE(query):
            at = put_bytes(at, query)
            at = put(at, b"&", 1)
        if window_ms is not None:
            at = put_bytes(at, self._window)
            at = put_number(at, window)
            at = put(at, b"&", 1)
        at = put_bytes(at, self._stamp)
        at = put_number(at, stamp)
        signed.length = self._signer.hexdigest_into(<const uint8_t *> signed_from, at - signed_from,
                                                    put_bytes(at, self._signature))
        signed.length += (at - signed.data) + PyBytes_GET_SIZE(self._signature)
        signed.end = signed.length
        return signed
