"""The slots of a struct, its layout, and a money field as an integer and a scale."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF, Py_XINCREF
from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum Tag:
    EMPTY = 0     # None; for a derived field: not worked out yet
    OBJECT = 1    # `object` is the value
    DECIMAL = 2   # number * 10**exponent; `object` is the Decimal once somebody asked for it
    INTEGER = 3   # number; `object` is the int once somebody asked for it
    DERIVED = 4   # worked out from other fields; `object` is the value, None included

cdef enum Kind:
    KIND_OBJECT = 0
    KIND_MONEY = 1
    KIND_INTEGER = 2

cdef struct Slot:
    PyObject* object
    int64_t number
    int32_t exponent
    uint8_t tag

cdef class _Field:
    cdef readonly str name
    cdef readonly Py_ssize_t index
    cdef readonly object default
    cdef readonly object of
    cdef readonly bint required
    cdef readonly bint nullable
    cdef readonly bint signed
    cdef readonly bint secret
    cdef readonly bint kw_only
    cdef type owner
    cdef object derive
    cdef object check
    cdef Kind kind

cdef class _Layout:
    cdef readonly str name
    cdef readonly tuple fields
    cdef readonly dict index
    cdef Py_ssize_t count
    cdef Py_ssize_t positional

cdef class _Struct:
    cdef Slot* slots
    cdef PyObject* layout

cdef _Layout layout_of(type cls)
cdef _Struct new_struct(type cls, _Layout layout)
cdef object value_of(_Struct struct, _Field field)
cdef int store(_Struct struct, _Field field, object value) except -1


cdef inline int plain_number(_Struct struct, Py_ssize_t index, int64_t* coefficient, int32_t* exponent) noexcept:
    """Give a money field as coefficient * 10**exponent: 1 when given, 0 for None, -1 where only the object is exact."""
    cdef Slot* slot = &struct.slots[index]
    if slot.tag == DECIMAL:
        coefficient[0] = slot.number
        exponent[0] = slot.exponent
        return 1
    return 0 if slot.tag == EMPTY else -1


cdef inline void take_slot(Slot* slot, const Slot* source) noexcept:
    """Fill an empty slot with what another one was told; what was derived there is not taken."""
    if source.tag != DERIVED:
        slot[0] = source[0]
        Py_XINCREF(slot.object)


cdef inline void clear_slot(Slot* slot) noexcept:
    cdef PyObject* held = slot.object
    slot.object = NULL
    slot.tag = EMPTY
    Py_XDECREF(held)
