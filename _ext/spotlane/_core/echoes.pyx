# cython: auto_pickle=False, autotestdict=False
"""What a reply repeats of what was sent, compared, and what is taken over from there."""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport Py_EQ, PyObject_RichCompareBool
from libc.stdint cimport int32_t, int64_t

from spotlane._core.faults cimport shown
from spotlane._core.structs cimport (
    DECIMAL, EMPTY, Slot, _Field, _Layout, _Struct, layout_of, new_struct, take_slot, value_of
)

from enum import Enum
from types import GenericAlias

from spotlane.errors import DecodeError

cdef enum:
    MOST_STAND_INS = 4

cdef struct Pair:
    Py_ssize_t told
    Py_ssize_t sent[MOST_STAND_INS]
    Py_ssize_t sent_count
    bint optional


@cython.final
cdef class Echo:
    """Compares the structs of a decoder with the struct that the request was made of.

    fields are compared where they were sent; (field, stand_in) compares a field with its stand-in where the field
    itself was not sent. A field that was sent and is not told is a difference, unless it is in `optional`. taken names
    the fields that the result has from what was sent, whatever the reply tells.
    """
    cdef type told
    cdef type sent
    cdef _Layout told_layout
    cdef _Layout sent_layout
    cdef str name
    cdef tuple keys              # of the pairs, for messages
    cdef Pair* pairs
    cdef Py_ssize_t pair_count
    cdef Py_ssize_t* sources     # for each slot of the result: the slot that was sent, -1 for the one that was told
    cdef bint takes

    def __cinit__(self, decoder, type sent not None, fields, *, optional=(), taken=()):
        groups = [(group,) if isinstance(group, str) else tuple(group) for group in fields]
        self.told = decoder.of
        self.sent = sent
        self.told_layout = layout_of(self.told)
        self.sent_layout = layout_of(sent)
        self.name = decoder.name
        self.keys = tuple([decoder.key_of(group[0]) for group in groups])
        self.pairs = <Pair*>PyMem_Calloc(len(groups) + 1, sizeof(Pair))
        self.sources = <Py_ssize_t*>PyMem_Calloc(self.told_layout.count, sizeof(Py_ssize_t))
        if self.pairs == NULL or self.sources == NULL:
            raise MemoryError
        for group in groups:
            self._add_pair(group, group[0] in optional)
        needless = set(optional) - {group[0] for group in groups}
        if needless:
            raise ValueError(f"{self.name}: optional and not compared: {', '.join(sorted(needless))}")
        for index in range(self.told_layout.count):
            self.sources[index] = -1
        for field in taken:
            self._take(self._field(self.told_layout, field), self._field(self.sent_layout, field))

    def __dealloc__(self):
        PyMem_Free(self.pairs)
        PyMem_Free(self.sources)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __repr__(self):
        return f"Echo({self.name!r}: {', '.join(self.keys)})"

    cdef _Field _field(self, _Layout layout, str name):
        if name not in layout.index:
            raise ValueError(f"{self.name}: {layout.name} has no field {name!r}")
        return layout.index[name]

    cdef int _add_pair(self, tuple group, bint optional) except -1:
        cdef Pair* pair = &self.pairs[self.pair_count]
        cdef _Field told = self._field(self.told_layout, group[0])
        cdef _Field sent
        if len(group) > MOST_STAND_INS:
            raise ValueError(f"{self.name}: {told.name} has more than {MOST_STAND_INS - 1} stand-ins")
        for name in group:
            sent = self._field(self.sent_layout, name)
            if told.of is not sent.of:
                raise TypeError(f"{self.name}: {told.name} and {sent.name} are of different types")
            pair.sent[pair.sent_count] = sent.index
            pair.sent_count += 1
        pair.told = told.index
        pair.optional = optional
        self.pair_count += 1
        return 0

    cdef int _take(self, _Field told, _Field sent) except -1:
        if told.of is not sent.of or told.check is not sent.check or sent.signed and not told.signed:
            raise TypeError(f"{self.name}: {told.name} does not take every value of {self.sent_layout.name}'s")
        if sent.nullable and not told.nullable:
            raise TypeError(f"{self.name}: {told.name} can't be None, as {self.sent_layout.name}'s can")
        self.sources[told.index] = sent.index
        self.takes = True
        return 0

    def settle(self, _Struct told not None, _Struct sent not None):
        """Return what a reply tells, completed by what was sent. Raises DecodeError where it repeats something else."""
        cdef Py_ssize_t index
        cdef Py_ssize_t source
        cdef _Struct made
        if type(told) is not self.told or not isinstance(sent, self.sent):
            raise TypeError(
                f"{self.told.__name__} and {self.sent.__name__} are compared, not {type(told).__name__} and "
                f"{type(sent).__name__}"
            )
        for index in range(self.pair_count):
            self._compare(index, told, sent)
        if not self.takes:
            return told
        made = new_struct(self.told, self.told_layout)
        for index in range(self.told_layout.count):
            source = self.sources[index]
            take_slot(&made.slots[index], &told.slots[index] if source < 0 else &sent.slots[source])
        return made

    cdef inline int _compare(self, Py_ssize_t index, _Struct told, _Struct sent) except -1:
        cdef const Pair* pair = &self.pairs[index]
        cdef Py_ssize_t choice = 0
        cdef const Slot* here = &told.slots[pair.told]
        cdef const Slot* there = &sent.slots[pair.sent[0]]
        while there.tag == EMPTY:
            choice += 1
            if choice == pair.sent_count:
                return 0
            there = &sent.slots[pair.sent[choice]]
        if here.tag == EMPTY and pair.optional:
            return 0
        if here.tag == DECIMAL and there.tag == DECIMAL:
            if same_number(here.number, here.exponent, there.number, there.exponent):
                return 0
        elif here.object != NULL and here.object == there.object:
            return 0
        return self._compare_values(index, told, sent, self.sent_layout.fields[pair.sent[choice]])

    cdef int _compare_values(self, Py_ssize_t index, _Struct told, _Struct sent, _Field sent_field) except -1:
        here = value_of(told, self.told_layout.fields[self.pairs[index].told])
        there = value_of(sent, sent_field)
        if PyObject_RichCompareBool(here, there, Py_EQ):
            return 0
        raise DecodeError(
            f"the reply is about another order: {self.keys[index]} is {_spelled(here)}, {_spelled(there)} was sent",
            endpoint=self.name, field=self.keys[index]
        )


cdef bint same_number(int64_t left, int32_t left_exponent, int64_t right, int32_t right_exponent) noexcept:
    """Tell whether two decimals are equal, however many zeros they are written with."""
    if left_exponent > right_exponent:
        left, right = right, left
        left_exponent, right_exponent = right_exponent, left_exponent
    while left_exponent < right_exponent and left and left % 10 == 0:
        left //= 10
        left_exponent += 1
    return left == right and (left_exponent == right_exponent or left == 0)


cdef str _spelled(object value):
    if value is None:
        return "missing"
    if isinstance(value, Enum):
        return value.name
    return shown(value) if isinstance(value, str) else str(value)
