"""The secret of an API key: in memory of its own, readable by the signer alone, overwritten at the end."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from collections import namedtuple

from spotlane.errors import StateError, UsageError


cdef extern from "vault.h" nogil:
    enum:
        VAULT_LOCKED
        VAULT_UNDUMPED
        VAULT_UNFORKED
    const uint64_t VAULT_ALIVE
    size_t vault_page()
    uint64_t *vault_map(size_t room, int *kept)
    void vault_unmap(uint64_t *memory, size_t room)
    void vault_overwrite(void *memory, size_t length)

cdef extern from *:
    """
    #ifdef _WIN32
    #include <io.h>
    #else
    #include <unistd.h>
    #endif
    """
    Py_ssize_t c_read "read" (int descriptor, void *data, size_t length) nogil
    Py_ssize_t c_write "write" (int descriptor, const void *data, size_t length) nogil

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)

cdef enum:
    # What fits into one page with the words before it; exchanges' secrets have 32 to 128.
    MOST_BYTES = 4000
    PREFIX_BYTES = 4

Protection = namedtuple("Protection", "is_locked is_undumped is_unforked")
Protection.__doc__ = "What the system does for memory: never swapped out, not in core dumps, empty in forked children."


@cython.final
cdef class Vault:
    """Pages that are overwritten before they are given back."""

    def __init__(self, *args, **kwargs):
        raise TypeError("a vault is made by what keeps something in it")

    def __dealloc__(self):
        if self.memory != NULL:
            vault_unmap(self.memory, self._room)

    def __reduce__(self):
        raise TypeError("a vault holds a secret and cannot be copied or pickled")

    cdef int wipe(self) except -1:
        """Overwrite all of it. The pages stay until the object goes: another thread may be reading them."""
        vault_overwrite(self.memory, self._room)
        return 0


cdef Vault new_vault(size_t room):
    cdef Vault vault = Vault.__new__(Vault)
    cdef size_t page = vault_page()
    vault._room = (CONTENT * sizeof(uint64_t) + room + page - 1) // page * page
    vault.memory = vault_map(vault._room, &vault.kept)
    if vault.memory == NULL:
        raise MemoryError
    vault.memory[0] = VAULT_ALIVE
    return vault


cdef object protection_of(Vault vault):
    return Protection(bool(vault.kept & VAULT_LOCKED), bool(vault.kept & VAULT_UNDUMPED),
                      bool(vault.kept & VAULT_UNFORKED))


cdef int refuse_wiped(str what) except -1:
    raise StateError(f"{what} was wiped, or stayed behind with the process that forked this one: make new Credentials")


cdef inline bint _is_blank(uint8_t character) noexcept nogil:
    return character == c" " or character == c"\t" or character == c"\r"


cdef inline const uint8_t *_skip_blanks(const uint8_t *at, const uint8_t *end) noexcept nogil:
    while at < end and _is_blank(at[0]):
        at += 1
    return at


cdef inline const uint8_t *_drop_blanks(const uint8_t *start, const uint8_t *end) noexcept nogil:
    while end > start and _is_blank((end - 1)[0]):
        end -= 1
    return end


cdef int _check(const uint8_t *text, size_t length) except -1:
    cdef size_t i
    if length == 0:
        raise UsageError("api_secret is empty")
    if length > MOST_BYTES:
        raise UsageError(f"api_secret is longer than {MOST_BYTES} characters: that is no secret of an API key")
    for i in range(length):
        if not c" " <= text[i] <= c"~":
            raise UsageError("api_secret holds blanks, line ends or non-ASCII characters: copy it again")
    if text[0] == c" " or text[length - 1] == c" ":
        raise UsageError("api_secret holds blanks, line ends or non-ASCII characters: copy it again")
    return 0


cdef int _keep(Secret secret, const uint8_t *text, size_t length) except -1:
    _check(text, length)
    secret._vault = new_vault(length)
    secret._length = length
    memcpy(secret._vault.memory + CONTENT, text, length)
    return 0


cdef Secret _made_of(const uint8_t *text, size_t length):
    cdef Secret secret = Secret.__new__(Secret, None)
    _keep(secret, text, length)
    return secret


@cython.final
cdef class Secret:
    """The secret of an API key, for the signer and for nobody else.

    material is a str or bytes, which stay the caller's, or a buffer that can be written, which is overwritten here; 1
    to 4,000 characters of printable ASCII without blanks around them. It is kept in a page of its own, overwritten by
    wipe() and when the object goes. It has no text, length, comparison, hash, copy or pickle. After wipe(), and in a
    forked child where the system does that, each use is a StateError.
    Raises UsageError for what can't be the secret of a key, and never repeats it.
    """

    def __cinit__(self, material):
        cdef Py_buffer view
        cdef Py_ssize_t length = 0
        cdef const char *text
        if material is None:
            return
        if isinstance(material, str):
            if not PyUnicode_IS_COMPACT_ASCII(material):
                raise UsageError("api_secret holds blanks, line ends or non-ASCII characters: copy it again")
            text = PyUnicode_AsUTF8AndSize(material, &length)
            _keep(self, <const uint8_t *> text, length)
            return
        try:
            PyObject_GetBuffer(material, &view, PyBUF_SIMPLE)
        except (TypeError, BufferError):
            raise TypeError(f"api_secret must be str or bytes, was {type(material).__name__}") from None
        try:
            _keep(self, <const uint8_t *> view.buf, view.len)
        finally:
            if not view.readonly:
                vault_overwrite(view.buf, view.len)
            PyBuffer_Release(&view)

    def __init__(self, material):
        if material is None:
            raise TypeError("api_secret must be str or bytes, was NoneType")

    @staticmethod
    def read(int descriptor):
        """Read a descriptor to its end, straight into memory of this kind; one line end behind the secret is dropped.

        Raises UsageError as Secret() does, and OSError.
        """
        cdef Vault vault = new_vault(MOST_BYTES + 2)
        cdef const uint8_t *text = <const uint8_t *> (vault.memory + CONTENT)
        cdef size_t length = _read_up_to(descriptor, <uint8_t *> text, MOST_BYTES + 2)
        if length and text[length - 1] == c"\n":
            length -= 1
            if length and text[length - 1] == c"\r":
                length -= 1
        return _made_of(text, length)

    @staticmethod
    def receive(int descriptor):
        """Read what send() wrote, and not a byte more. Raises UsageError where it is something else, and OSError."""
        cdef Vault vault = new_vault(MOST_BYTES)
        cdef uint8_t *text = <uint8_t *> (vault.memory + CONTENT)
        cdef size_t length
        if _read_up_to(descriptor, text, PREFIX_BYTES) != PREFIX_BYTES:
            raise UsageError("no secret was sent")
        length = text[0] | text[1] << 8 | text[2] << 16 | (<size_t> text[3]) << 24
        if length > MOST_BYTES or _read_up_to(descriptor, text, length) != length:
            raise UsageError("what was sent is no secret")
        return _made_of(text, length)

    def send(self, int descriptor):
        """Write its length and itself to a pipe that another process reads with receive(). Raises OSError.

        For a process that works for this one. It waits as long as the pipe is full; other threads go on.
        """
        cdef size_t length = 0
        cdef const uint8_t *text = self.content(&length)
        cdef uint8_t prefix[PREFIX_BYTES]
        cdef int i
        for i in range(PREFIX_BYTES):
            prefix[i] = <uint8_t> (length >> 8 * i)
        _write_whole(descriptor, prefix, PREFIX_BYTES)
        _write_whole(descriptor, text, length)

    def wipe(self):
        """Overwrite it. Any use after that is a StateError; wiping again is none."""
        if self._vault is not None:
            self._vault.wipe()

    @property
    def is_wiped(self):
        """Whether it holds nothing any more."""
        return self._vault is None or self._vault.memory[0] != VAULT_ALIVE

    @property
    def protection(self):
        """What the system does for its memory: a Protection."""
        return Protection(False, False, False) if self._vault is None else protection_of(self._vault)

    cdef const uint8_t *content(self, size_t *length) except NULL:
        if self._vault is None or self._vault.memory[0] != VAULT_ALIVE:
            refuse_wiped("this secret")
        length[0] = self._length
        return <const uint8_t *> (self._vault.memory + CONTENT)

    def __repr__(self):
        return "<Secret>"

    def __eq__(self, other):
        raise TypeError("secrets can't be compared")

    def __hash__(self):
        raise TypeError("a secret has no hash")

    def __reduce__(self):
        raise TypeError("a secret can't be copied or pickled: read it again where it is needed")


def read_pair(int descriptor):
    """Read a file of two lines, `api_key = ...` and `api_secret = ...`, and return the key and the Secret.

    Empty lines and those that begin with # are passed over. The text of the file is in memory as a Secret's is, and
    nowhere else. Raises UsageError, which names the line and repeats nothing of it, and OSError.
    """
    cdef Vault vault = new_vault(MOST_BYTES)
    cdef const uint8_t *at = <const uint8_t *> (vault.memory + CONTENT)
    cdef size_t length = _read_up_to(descriptor, <uint8_t *> at, MOST_BYTES)
    cdef const uint8_t *stop = at + length
    cdef const uint8_t *end
    cdef const uint8_t *start
    cdef const uint8_t *sign
    cdef int line = 0
    cdef str api_key = None
    cdef Secret secret = None
    if length == MOST_BYTES:
        raise UsageError(f"it has {MOST_BYTES} bytes or more, two lines are expected")
    while at < stop:
        line += 1
        end = <const uint8_t *> memchr(at, c"\n", stop - at)
        if end == NULL:
            end = stop
        start = _skip_blanks(at, end)
        at = end + 1
        end = _drop_blanks(start, end)
        if start == end or start[0] == c"#":
            continue
        sign = <const uint8_t *> memchr(start, c"=", end - start)
        if sign == NULL:
            raise UsageError(f"line {line} is no `name = value`")
        length = _drop_blanks(start, sign) - start
        sign = _skip_blanks(sign + 1, end)
        if api_key is None and length == 7 and memcmp(start, b"api_key", 7) == 0:
            api_key = PyUnicode_DecodeASCII(<const char *> sign, end - sign, "replace")
        elif secret is None and length == 10 and memcmp(start, b"api_secret", 10) == 0:
            secret = _made_of(sign, end - sign)
        else:
            raise UsageError(f"line {line} is neither the only api_key nor the only api_secret")
    if api_key is None or secret is None:
        raise UsageError(f"a line `{'api_key' if api_key is None else 'api_secret'} = ...` is missing")
    return api_key, secret


cdef size_t _read_up_to(int descriptor, uint8_t *data, size_t length) except? 0:
    """Read until there are so many bytes or no more."""
    cdef size_t have = 0
    cdef Py_ssize_t got
    while have < length:
        with nogil:
            got = c_read(descriptor, data + have, length - have)
        if got == 0:
            break
        if got < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
            continue
        have += got
    return have


cdef int _write_whole(int descriptor, const uint8_t *data, size_t length) except -1:
    cdef Py_ssize_t put
    while length:
        with nogil:
            put = c_write(descriptor, data, length)
        if put < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
            continue
        data += put
        length -= put
    return 0
