"""For compiled code that reads a secret, or keeps what is as good as one."""

from libc.stdint cimport uint8_t, uint64_t


cdef class Vault:
    # memory[0] says whether it holds anything; what it holds begins at memory[CONTENT].
    cdef uint64_t *memory
    cdef size_t _room
    cdef int kept

    cdef int wipe(self) except -1


cdef enum:
    CONTENT = 2


cdef class Secret:
    cdef Vault _vault
    cdef size_t _length

    # What it holds, as long as nobody wipes it. Raises StateError where it holds nothing any more.
    cdef const uint8_t *content(self, size_t *length) except NULL


# Has room for at least so many bytes, all zero. Raises MemoryError.
cdef Vault new_vault(size_t room)
cdef object protection_of(Vault vault)
cdef int refuse_wiped(str what) except -1
