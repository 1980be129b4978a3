"""Requests whose signature is a header: the scheme that signs five lines, with a digest of the body among them."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from spotlane._core._put cimport NUMBER_DIGITS, put, put_bytes, put_number
from spotlane._core.signing cimport (
    Hmac, Signed, check_query, check_signer, checked_headers, lines_of, milliseconds, new_signed, path_text,
    sha512_hex_into
)

from spotlane.errors import UsageError


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)


cdef enum:
    DIGEST_DIGITS = 128
    # Seconds have a point that milliseconds have not.
    STAMP_DIGITS = NUMBER_DIGITS + 1


cdef inline int _hex_digit(uint8_t character) noexcept nogil:
    if c"0" <= character <= c"9":
        return character - c"0"
    character |= 0x20
    if c"a" <= character <= c"f":
        return character - c"a" + 10
    return -1


cdef char *_put_unquoted(char *out, const char *data, Py_ssize_t length) noexcept nogil:
    """Write a query with its percent-encoding undone, or return NULL where one is incomplete."""
    cdef const char *end = data + length
    cdef const char *sign
    cdef int high, low
    while True:
        sign = <const char *> memchr(data, c"%", end - data)
        if sign == NULL:
            return put(out, data, end - data)
        if end - sign < 3:
            return NULL
        high = _hex_digit(<uint8_t> sign[1])
        low = _hex_digit(<uint8_t> sign[2])
        if high < 0 or low < 0:
            return NULL
        out = put(out, data, sign - data)
        out[0] = <char> (high << 4 | low)
        out += 1
        data = sign + 3


cdef char *_put_seconds(char *out, long long stamp) noexcept nogil:
    """Write milliseconds as seconds, with as many decimals as are not zero."""
    cdef int rest = <int> (stamp % 1000)
    cdef int unit = 100
    out = put_number(out, stamp // 1000)
    if rest:
        out[0] = c"."
        out += 1
    while rest:
        out[0] = <char> (c"0" + rest // unit)
        out += 1
        rest %= unit
        unit //= 10
    return out


cdef bytes _line_start(str name):
    return None if name is None else f"{name}: ".encode()


cdef const char *_method_text(object method, Py_ssize_t *length) except NULL:
    cdef const char *text = b""
    cdef Py_ssize_t i
    cdef bint is_method
    if not isinstance(method, str):
        raise TypeError(f"method must be str, not {type(method).__name__}")
    length[0] = 0
    if PyUnicode_IS_COMPACT_ASCII(method):
        text = PyUnicode_AsUTF8AndSize(method, length)
    is_method = length[0] > 0
    for i in range(length[0]):
        is_method &= c"A" <= text[i] <= c"Z"
    if not is_method:
        raise UsageError(f"not a method in capital letters: {method!r}")
    return text


@cython.final
cdef class HeaderAuth:
    """Sign requests whose signature is a header of its own.

    signer makes the signature, in lowercase hexadecimal, of five lines joined by line feeds: the method, the path as it
    is sent, the query with its percent-encoding undone, the SHA-512 digest of the body in lowercase hexadecimal, and
    the timestamp as it is sent. api_key travels in the header api_key_header, beside headers; signature and timestamp
    have headers of their own. timestamp_unit is "s" (with as many decimals as the milliseconds need) or "ms".
    expiry_header takes the time, in milliseconds, after which the exchange refuses the request; None is a scheme
    without it. ValueError for another unit; UsageError for headers that would not be headers, or come twice.
    """

    cdef Hmac _signer
    cdef dict _headers
    cdef tuple _own_names
    cdef bytes _header_lines
    cdef bytes _signature, _timestamp, _expiry
    cdef bint _in_seconds
    cdef char _empty_digest[DIGEST_DIGITS]

    def __cinit__(self, *, Hmac signer not None, str api_key not None, str api_key_header not None="KEY",
                  str timestamp_header not None="Timestamp", str signature_header not None="SIGN",
                  str timestamp_unit not None="s", str expiry_header=None, headers=None):
        if timestamp_unit not in ("s", "ms"):
            raise ValueError(f"timestamp_unit must be 's' or 'ms', not {timestamp_unit!r}")
        self._own_names = (signature_header, timestamp_header)
        if expiry_header is not None:
            self._own_names += (expiry_header,)
        self._signer = signer
        self._headers = checked_headers(api_key_header, api_key, headers, self._own_names)
        self._header_lines = lines_of(self._headers)
        self._signature = _line_start(signature_header)
        self._timestamp = _line_start(timestamp_header)
        self._expiry = _line_start(expiry_header)
        self._in_seconds = timestamp_unit == "s"
        sha512_hex_into(NULL, 0, self._empty_digest)

    def __repr__(self):
        return "<HeaderAuth>"

    def __reduce__(self):
        raise TypeError("a signer holds a secret and cannot be copied or pickled")

    cpdef Signed sign(self, object method, object path, bytes query, bytes body, object stamp_ms, object expires_ms):
        """Return the signed request of a method, a path, a query and the body that will be sent.

        method is in capital letters. path starts with "/" and holds no query; query is encoded already and may be
        empty. stamp_ms is the time of signing, expires_ms the time after which the request is void or None; both are
        milliseconds since the epoch.
        UsageError where the path or the query would not be one request target, where the query holds an incomplete
        percent-encoding or a "+" (a blank to some readers: encode it), or a time is negative or beyond int64.
        """
        cdef Py_ssize_t method_length, path_length
        cdef const char *method_start = _method_text(method, &method_length)
        cdef const char *path_start = path_text(path, &path_length)
        cdef long long stamp = milliseconds(stamp_ms, "stamp_ms")
        cdef long long expires = 0
        cdef Py_ssize_t query_length, head_room, payload_room
        cdef Signed signed
        cdef char *payload
        cdef char *at
        cdef char *stamp_start
        check_query(query)
        check_signer(self._signer)
        if body is None:
            raise TypeError("body must be bytes, not None")
        if expires_ms is not None:
            if self._expiry is None:
                raise UsageError("this scheme has no expiry: expires_ms must be None")
            expires = milliseconds(expires_ms, "expires_ms")
        query_length = PyBytes_GET_SIZE(query)
        if memchr(PyBytes_AS_STRING(query), c"+", query_length) != NULL:
            raise UsageError("the query holds '+', which some read as a blank: encode it as %2B or %20")

        # The payload holds no secret and stands behind all that is sent; it is not needed once it is signed.
        head_room = (path_length + 1 + query_length + PyBytes_GET_SIZE(self._signature) + 2 * self._signer._size
                     + PyBytes_GET_SIZE(self._timestamp) + STAMP_DIGITS + 4)
        if expires_ms is not None:
            head_room += PyBytes_GET_SIZE(self._expiry) + NUMBER_DIGITS + 2
        payload_room = method_length + path_length + query_length + DIGEST_DIGITS + STAMP_DIGITS + 4
        signed = new_signed(head_room + payload_room, self._headers, self._header_lines, self._own_names)
        payload = signed.data + head_room
        at = put(put(payload, method_start, method_length), b"\n", 1)
        at = put(put(at, path_start, path_length), b"\n", 1)
        at = _put_unquoted(at, PyBytes_AS_STRING(query), query_length)
        if at == NULL:
            raise UsageError("the query holds '%' without two hexadecimal digits behind it: encode it as %25")
        at = put(at, b"\n", 1)
        if PyBytes_GET_SIZE(body):
            sha512_hex_into(<const uint8_t *> PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), at)
            at += DIGEST_DIGITS
        else:
            at = put(at, self._empty_digest, DIGEST_DIGITS)
        stamp_start = put(at, b"\n", 1)
        at = _put_seconds(stamp_start, stamp) if self._in_seconds else put_number(stamp_start, stamp)
        self._write(signed, path_start, path_length, query, payload, stamp_start, at)
        if expires_ms is not None:
            at = put_bytes(signed.data + signed.end, self._expiry)
            signed.end = put(put_number(at, expires), b"\r\n", 2) - signed.data
        return signed

    cdef void _write(self, Signed signed, const char *path, Py_ssize_t path_length, bytes query, const char *payload,
                     const char *stamp, const char *payload_end) noexcept:
        """Write the target and the header lines of signature and timestamp."""
        cdef char *at = put(signed.data, path, path_length)
        if PyBytes_GET_SIZE(query):
            at = put_bytes(put(at, b"?", 1), query)
        signed.length = at - signed.data
        at = put_bytes(at, self._signature)
        at += self._signer.hexdigest_into(<const uint8_t *> payload, payload_end - payload, at)
        at = put_bytes(put(at, b"\r\n", 2), self._timestamp)
        at = put(put(at, stamp, payload_end - stamp), b"\r\n", 2)
        signed.end = at - signed.data
