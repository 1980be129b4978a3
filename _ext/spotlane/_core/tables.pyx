# cython: auto_pickle=False, autotestdict=False
"""A decoder's columns, resolved against the fields of the struct that they fill."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint64_t

from spotlane._core._scan cimport Text, same_bytes
from spotlane._core._values cimport make_text
from spotlane._core.columns cimport SYMBOL, _Column, fits
from spotlane._core.structs cimport EMPTY, _Field, layout_of, new_struct, store

from enum import Enum

cdef enum:
    # One bit a column in a row's record of what has been read.
    MOST_COLUMNS = 64


@cython.final
cdef class _Table:
    """Which column fills which slots, and what becomes of the slots that a row leaves empty."""

    def __cinit__(self, type of, str name, tuple columns, constants, required):
        self.name = name
        self.layout = layout_of(of)
        self.descriptions = columns
        self.owned = []
        if len(columns) > MOST_COLUMNS:
            raise ValueError(f"{name}: more than {MOST_COLUMNS} columns")
        self.columns = <Column*>PyMem_Calloc(len(columns) + 1, sizeof(Column))
        # A column has at most two conditions.
        self.conditions = <Condition*>PyMem_Calloc(2 * len(columns) + 1, sizeof(Condition))
        self.fills = <Fill*>PyMem_Calloc(self.layout.count, sizeof(Fill))
        if self.columns == NULL or self.conditions == NULL or self.fills == NULL:
            raise MemoryError
        filled = {}
        for description in columns:
            self._add(<_Column?>description, filled)
        self.constants = new_struct(of, self.layout)
        self.defaults = new_struct(of, self.layout)
        for field, value in (constants or {}).items():
            self._claim(field, "a constant", filled)
            store(self.constants, self.field_named(field), value)
        self._plan_fills(filled, [self.field_named(field) for field in required])

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.columns != NULL:
            for index in range(self.column_count):
                PyMem_Free(self.columns[index].choices)
            PyMem_Free(self.columns)
        PyMem_Free(self.conditions)
        PyMem_Free(self.fills)

    cdef _Field field_named(self, str name):
        if name not in self.layout.index:
            raise ValueError(f"{self.name}: {self.layout.name} has no field {name!r}")
        return self.layout.index[name]

    cdef int _claim(self, str field, str what, dict filled) except -1:
        if field in filled:
            raise ValueError(f"{self.name}: {field} is filled by {what} and by {filled[field]}")
        filled[field] = what
        return 0

    cdef int _add(self, _Column description, dict filled) except -1:
        """Resolve one column's fields and words, and check that they fit the struct."""
        cdef Column* column = &self.columns[self.column_count]
        cdef _Field field
        key = description.key.encode()
        if not description.key.isprintable() or '"' in description.key or "\\" in description.key:
            raise ValueError(f"{self.name}: a key that JSON would escape: {description.key!r}")
        for index in range(self.column_count):
            if self.descriptions[index].key == description.key:
                raise ValueError(f"{self.name}: {description.key} is declared twice")
        self.owned.append(key)
        column.key = <const uint8_t*>PyBytes_AS_STRING(key)
        column.key_length = len(key)
        self.lengths |= <uint64_t>1 << min(len(key), 63)
        column.kind = description.kind
        column.description = <PyObject*>description
        column.to_milliseconds = description.to_milliseconds
        column.zero_is_none = description.zero_is_none
        self.has_symbol = self.has_symbol or description.kind == SYMBOL
        for position, name in enumerate(description.fields):
            self._claim(name, repr(description), filled)
            field = self.field_named(name)
            if not fits(description, position, field):
                raise TypeError(f"{self.name}: {description!r} does not fit the type of {field.name}")
            column.slots[position] = field.index
            column.negatives = field.signed
        column.slot_count = len(description.fields)
        column.raw_slot = -1
        if description.raw is not None:
            self._claim(description.raw, repr(description), filled)
            column.raw_slot = self.field_named(description.raw).index
        self.column_count += 1
        if description.table is not None:
            self._add_words(column, description.table)
        if description.where is not None:
            self._add_condition(column, description.where, True)
        if description.unless is not None:
            self._add_condition(column, description.unless, False)
        return 0

    cdef int _add_words(self, Column* column, dict table) except -1:
        cdef Choice* known
        cdef Py_ssize_t index
        column.choices = <Choice*>PyMem_Calloc(len(table) + 1, sizeof(Choice))
        if column.choices == NULL:
            raise MemoryError
        for word, values in table.items():
            spelled = word.encode()
            self.owned.append((spelled, word, values))
            known = &column.choices[column.choice_count]
            known.text = <const uint8_t*>PyBytes_AS_STRING(spelled)
            known.length = len(spelled)
            known.spelled = <PyObject*>word
            for index in range(len(values)):
                known.values[index] = <PyObject*>values[index]
            column.choice_count += 1
        return 0

    cdef int _add_condition(self, Column* column, tuple condition, bint holds) except -1:
        """Note that a column counts only where a field holds a value, or only where it does not."""
        cdef Condition* added = &self.conditions[self.condition_count]
        cdef _Field field
        name, value = condition
        field = self.field_named(name)
        # Values are told apart by identity, which only an enum's members are made for.
        if not isinstance(value, Enum) or not isinstance(value, field.of):
            raise TypeError(f"{self.name}: {name} can't be {value!r}, or is no enum")
        self.owned.append(value)
        added.column = column
        added.slot = field.index
        added.value = <PyObject*>value
        added.holds = holds
        self.condition_count += 1
        return 0

    cdef int _plan_fills(self, dict filled, list required) except -1:
        """Note which slots get a constant or a default, and which a row must have filled."""
        cdef _Field field
        cdef Fill* fill
        for field in self.layout.fields:
            if field.name not in filled and (field.required or field in required):
                raise ValueError(f"{self.name}: nothing fills {field.name}, which is required")
            fill = &self.fills[self.fill_count]
            fill.slot = field.index
            if self.constants.slots[field.index].tag != EMPTY:
                fill.source = &self.constants.slots[field.index]
            elif field.default is not None and field not in required:
                store(self.defaults, field, field.default)
                fill.source = &self.defaults.slots[field.index]
            elif not field.required and field not in required:
                continue
            self.fill_count += 1
        return 0

    cdef Py_ssize_t find(self, const Text* key) except -2:
        """Search the columns for a key; -1 where none has it."""
        cdef Py_ssize_t index
        cdef Column* column
        if key.escaped:
            plain = make_text(key)
            for index in range(self.column_count):
                if (<_Column>self.columns[index].description).key == plain:
                    return index
            return -1
        if not self.lengths >> min(key.length, 63) & 1:
            return -1
        for index in range(self.column_count):
            column = &self.columns[index]
            if column.key_length == key.length and same_bytes(column.key, key.start, key.length):
                return index
        return -1

    cdef str key_of(self, _Field field):
        """Return the member that fills a field, or the field's own name where none does."""
        for description in self.descriptions:
            if field.name in description.fields:
                return description.key
        return field.name
