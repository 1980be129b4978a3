"""The frame of a record of a journal: what stands where, and whether it is whole. The format is in docs/journal.md."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "crc32.h":
    void crc32_prepare() noexcept
    uint32_t crc32_of(const uint8_t* data, size_t length) noexcept

cdef enum Kind:
    EPOCH = 1
    INTENT = 2
    NOTE = 3

cdef enum AmountKind:
    NO_AMOUNT = 0
    SCALED = 1
    SPELLED = 2

cdef enum:
    MAGIC_0 = 0x53   # "SJ"
    MAGIC_1 = 0x4A
    HEAD = 28        # magic, kind, zero, length, epoch, sequence, time
    CRC = 4
    # A length beyond this is no length, so that a search through damaged bytes ends soon.
    MOST_BYTES = 65_536
    NO_TEXT = 0xFFFF


cdef inline Py_ssize_t whole_record(const uint8_t* at, Py_ssize_t room) noexcept:
    """Return the length of the record that begins here, or 0 where none does that is whole."""
    cdef Py_ssize_t length
    if room < HEAD + CRC or at[0] != MAGIC_0 or at[1] != MAGIC_1 or at[3] != 0:
        return 0
    length = get32(at + 4)
    if not HEAD + CRC <= length <= MOST_BYTES or length > room:
        return 0
    return length if get32(at + length - CRC) == crc32_of(at, length - CRC) else 0


cdef inline void put32(uint8_t* at, uint32_t value) noexcept:
    at[0], at[1], at[2], at[3] = value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24


cdef inline void put64(uint8_t* at, uint64_t value) noexcept:
    put32(at, <uint32_t>value)
    put32(at + 4, <uint32_t>(value >> 32))


cdef inline uint32_t get32(const uint8_t* at) noexcept:
    return <uint32_t>at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef inline uint64_t get64(const uint8_t* at) noexcept:
    return get32(at) | <uint64_t>get32(at + 4) << 32
