# cython: auto_pickle=False, autotestdict=False
"""JSON bytes to structs in one pass, driven by the columns that an exchange declares."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF, Py_XINCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from spotlane._core._scan cimport (
    Cursor, DEEPEST, FINE, REPEATED, TOO_DEEP, TRAILING, Text, UNEXPECTED, WRONG_TYPE, read_string, same_bytes,
    skip_blanks, skip_key, skip_value, skip_word, unexpected
)
from spotlane._core._table cimport Choice, Column, Fill, MOST_COLUMNS, MOST_SEEN, Reading, Seen
from spotlane._core._values cimport make_text, put, read_integer, read_money, read_timestamp, read_token
from spotlane._core.columns cimport (
    CHOICE, FLAG, INTEGER_NUMBER, NUMBER, SYMBOL, TEXT, TIMESTAMP, _Column, fits, refuses
)
from spotlane._core.faults cimport describe, excerpt, readable, shown
from spotlane._core.structs cimport EMPTY, OBJECT, Slot, _Field, _Layout, _Struct, layout_of, new_struct, store

from types import GenericAlias

from spotlane._core.columns import choice, flag, integer, number, symbol, text, timestamp
from spotlane._core.faults import UnknownWireSymbol
from spotlane.errors import DecodeError

__all__ = [
    "Decoder", "UnknownWireSymbol", "choice", "flag", "integer", "number", "symbol", "text", "timestamp"
]


@cython.final
cdef class Decoder:
    """Reads replies of one shape into structs of one class.

    columns say which member fills which field; constants are fields with the same value in every row; required names
    fields that every row must fill, beside those that have no default; within is the path of members to the row or the
    array of rows. Members that no column names are validated and skipped.
    """
    cdef type of
    cdef readonly str name
    cdef _Layout layout
    cdef tuple descriptions
    cdef tuple within
    cdef list owned              # bytes and words that the C tables point into
    cdef Column* columns
    cdef Py_ssize_t column_count
    cdef uint64_t lengths        # bit n is set where a key has n bytes; bit 63 stands for all longer ones
    cdef bint has_symbol
    cdef _Struct constants
    cdef _Struct defaults
    cdef Fill* fills             # what happens to slots that no column of a row has filled
    cdef Py_ssize_t fill_count

    def __cinit__(self, type of, str name, *, columns, constants=None, required=(), within=()):
        self.of = of
        self.name = name
        self.layout = layout_of(of)
        self.descriptions = tuple(columns)
        self.within = tuple(within)
        self.owned = []
        if len(self.descriptions) > MOST_COLUMNS:
            raise ValueError(f"{name}: more than {MOST_COLUMNS} columns")
        self.columns = <Column*>PyMem_Calloc(len(self.descriptions) + 1, sizeof(Column))
        if self.columns == NULL:
            raise MemoryError
        filled = {}
        for description in self.descriptions:
            self._add(<_Column?>description, filled)
        self.constants = new_struct(of, self.layout)
        self.defaults = new_struct(of, self.layout)
        for field, value in (constants or {}).items():
            self._claim(field, "a constant", filled)
            store(self.constants, self._field(field), value)
        self._plan_fills(filled, [self._field(field) for field in required])

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.columns != NULL:
            for index in range(self.column_count):
                PyMem_Free(self.columns[index].choices)
            PyMem_Free(self.columns)
        PyMem_Free(self.fills)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __repr__(self):
        return f"Decoder({self.of.__name__}, {self.name!r})"

    cdef _Field _field(self, str name):
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
            field = self._field(name)
            if not fits(description, position, field):
                raise TypeError(f"{self.name}: {description!r} does not fit the type of {field.name}")
            column.slots[position] = field.index
            column.negatives = field.signed
        column.slot_count = len(description.fields)
        column.raw_slot = -1
        if description.raw is not None:
            self._claim(description.raw, repr(description), filled)
            column.raw_slot = self._field(description.raw).index
        self.column_count += 1
        if description.table is not None:
            self._add_words(column, description.table)
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

    cdef int _plan_fills(self, dict filled, list required) except -1:
        """Note which slots get a constant or a default, and which a row must have filled."""
        cdef _Field field
        cdef Fill* fill
        self.fills = <Fill*>PyMem_Calloc(self.layout.count, sizeof(Fill))
        if self.fills == NULL:
            raise MemoryError
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

    def one(self, bytes data not None, symbols=None, *, on_unknown=None):
        """Read a reply that holds one row.

        symbols maps wire spellings to symbols, where a column reads one; on_unknown(key, word) is told each word that a
        choice does not know. Raises DecodeError, and UnknownWireSymbol for a symbol that the mapping lacks.
        """
        return self._read(data, symbols, on_unknown, False)

    def many(self, bytes data not None, symbols=None, *, on_unknown=None):
        """Read a reply that holds an array of rows into a list; see one."""
        return self._read(data, symbols, on_unknown, True)

    cdef object _read(self, bytes data, object symbols, object on_unknown, bint many):
        cdef Reading reading
        if self.has_symbol and symbols is None:
            raise TypeError(f"{self.name} reads a symbol: give it the mapping of wire spellings")
        memset(&reading, 0, sizeof(Reading))
        reading.cursor.start = <const uint8_t*>PyBytes_AS_STRING(data)
        reading.cursor.at = reading.cursor.start
        reading.cursor.end = reading.cursor.start + PyBytes_GET_SIZE(data)
        reading.row = -1
        reading.many = many
        reading.symbols = <PyObject*>symbols
        reading.on_unknown = <PyObject*>on_unknown
        try:
            found = self._enter(&reading)
            skip_blanks(&reading.cursor)
            if reading.cursor.at != reading.cursor.end:
                self._fail(&reading, TRAILING)
        finally:
            Py_XDECREF(reading.symbol)
        return found

    cdef object _enter(self, Reading* reading):
        """Walk down `within`, then read the row or the rows."""
        cdef Cursor* cursor = &reading.cursor
        cdef uint8_t byte
        if reading.level == len(self.within):
            return self._rows(reading) if reading.many else self._open_row(reading)
        found = None
        byte = self._open(reading, c'{')
        while byte != c'}':
            self._pass(reading, skip_key(cursor, byte, &reading.key))
            if make_text(&reading.key) == self.within[reading.level]:
                if found is not None:
                    self._fail(reading, REPEATED)
                reading.level += 1
                reading.key.start = NULL
                found = self._enter(reading)
                reading.level -= 1
            else:
                self._pass(reading, skip_value(cursor, reading.depth))
            byte = self._step(reading, c'}')
        self._close(reading)
        if found is None:
            raise self._error(reading, "is missing", self.within[reading.level])
        return found

    cdef list _rows(self, Reading* reading):
        cdef list rows = []
        cdef uint8_t byte = self._open(reading, c'[')
        while byte != c']':
            reading.row += 1
            rows.append(self._open_row(reading))
            reading.key.start = NULL
            byte = self._step(reading, c']')
        self._close(reading)
        reading.row = -1
        return rows

    cdef _Struct _open_row(self, Reading* reading):
        cdef uint8_t byte = self._open(reading, c'{')
        return self._row(reading, byte)

    cdef int _open(self, Reading* reading, uint8_t bracket) except -1:
        """Enter an array or object and return the first byte inside it."""
        cdef uint8_t byte = skip_blanks(&reading.cursor)
        if byte != bracket:
            self._fail(reading, WRONG_TYPE if byte in b'{["-0123456789tfn' else unexpected(&reading.cursor))
        if reading.depth >= DEEPEST:
            self._fail(reading, TOO_DEEP)
        reading.depth += 1
        reading.cursor.at += 1
        return skip_blanks(&reading.cursor)

    cdef inline int _step(self, Reading* reading, uint8_t bracket) except -1:
        """Step over the comma to the next member's first byte, or return the closing bracket."""
        cdef uint8_t byte = skip_blanks(&reading.cursor)
        if byte == bracket:
            return byte
        if byte != c',':
            self._fail(reading, unexpected(&reading.cursor))
        reading.cursor.at += 1
        byte = skip_blanks(&reading.cursor)
        if byte == bracket:
            self._fail(reading, UNEXPECTED)
        return byte

    cdef inline void _close(self, Reading* reading) noexcept:
        reading.cursor.at += 1
        reading.depth -= 1
        reading.key.start = NULL

    cdef inline int _pass(self, Reading* reading, int fault) except -1:
        return self._fail(reading, fault) if fault != FINE else 0

    cdef _Struct _row(self, Reading* reading, uint8_t byte):
        cdef Cursor* cursor = &reading.cursor
        cdef _Struct made = new_struct(self.of, self.layout)
        cdef uint64_t told = 0
        cdef Py_ssize_t position = 0
        cdef Py_ssize_t index
        while byte != c'}':
            if byte != c'"':
                self._fail(reading, unexpected(cursor))
            cursor.at += 1
            index = self._key(reading, position)
            position += 1
            if cursor.at[0] != c':' and skip_blanks(cursor) != c':':
                self._fail(reading, unexpected(cursor))
            cursor.at += 1
            skip_blanks(cursor)
            if index < 0:
                self._pass(reading, skip_value(cursor, reading.depth))
            else:
                if told >> index & 1:
                    self._fail(reading, REPEATED)
                told |= <uint64_t>1 << index
                self._pass(reading, self._value(reading, &self.columns[index], made))
            byte = self._step(reading, c'}')
        self._close(reading)
        self._complete(reading, made)
        return made

    cdef inline Py_ssize_t _key(self, Reading* reading, Py_ssize_t position) except -2:
        """Read a row's key up to its colon, and tell its column or -1."""
        cdef Cursor* cursor = &reading.cursor
        cdef Seen* seen = &reading.seen[position if position < MOST_SEEN else 0]
        reading.key.start = cursor.at
        if (
            seen.key != NULL
            and cursor.end - cursor.at > seen.length
            and cursor.at[seen.length] == c'"'
            and same_bytes(cursor.at, seen.key, seen.length)
        ):
            reading.key.length = seen.length
            cursor.at += seen.length + 1
            return seen.column
        self._pass(reading, read_string(cursor, &reading.key))
        seen.key = reading.key.start
        seen.length = reading.key.length
        seen.column = self._find(&reading.key)
        return seen.column

    cdef Py_ssize_t _find(self, const Text* key) except -2:
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

    cdef int _value(self, Reading* reading, Column* column, _Struct made) except -1:
        """Read a declared member's value into its fields. Returns a Fault."""
        cdef Slot* slot = &made.slots[column.slots[0]]
        cdef Cursor* cursor = &reading.cursor
        cdef Text token
        cdef bint absent
        cdef int fault
        if column.kind == NUMBER:
            return read_money(cursor, slot, column.negatives, column.zero_is_none)
        if column.kind == TIMESTAMP:
            return read_timestamp(cursor, slot, column.to_milliseconds, column.zero_is_none)
        if column.kind == INTEGER_NUMBER:
            return read_integer(cursor, slot)
        if column.kind == FLAG:
            return self._flag(cursor, column, slot)
        fault = read_token(cursor, &token, &absent)
        if fault != FINE or absent:
            return fault
        if column.kind == TEXT:
            put(slot, make_text(&token))
        elif column.kind == CHOICE:
            self._choose(reading, column, made, &token)
        else:
            self._symbol(reading, column, slot, &token)
        return FINE

    cdef int _flag(self, Cursor* cursor, Column* column, Slot* slot) except -1:
        cdef uint8_t byte = cursor.at[0]
        cdef int fault
        if byte == c'n':
            return skip_word(cursor, b"null", 4)
        if byte != c't' and byte != c'f':
            return WRONG_TYPE
        fault = skip_word(cursor, b"true", 4) if byte == c't' else skip_word(cursor, b"false", 5)
        put_known(slot, column.choices[byte == c'f'].values[0])
        return fault

    cdef int _choose(self, Reading* reading, Column* column, _Struct made, Text* token) except -1:
        cdef Py_ssize_t index
        cdef Py_ssize_t place
        cdef Choice* known
        cdef _Column description = <_Column>column.description
        if not token.escaped:
            for index in range(column.choice_count):
                known = &column.choices[index]
                if known.length == token.length and same_bytes(known.text, token.start, token.length):
                    for place in range(column.slot_count):
                        put_known(&made.slots[column.slots[place]], known.values[place])
                    if column.raw_slot >= 0:
                        put_known(&made.slots[column.raw_slot], known.spelled)
                    return 0
        word = make_text(token)
        values = description.table.get(word)
        if values is None:
            if refuses(description):
                raise self._error(reading, f"has no such value: {shown(word)}")
            values = description.unknown
            if <object>reading.on_unknown is not None:
                (<object>reading.on_unknown)(description.key, word)
        for index in range(column.slot_count):
            put_known(&made.slots[column.slots[index]], <PyObject*>(<tuple>values)[index])
        if column.raw_slot >= 0:
            put(&made.slots[column.raw_slot], word)
        return 0

    cdef int _symbol(self, Reading* reading, Column* column, Slot* slot, Text* token) except -1:
        cdef Text* last = &reading.symbol_text
        if last.length != token.length or not same_bytes(last.start, token.start, token.length):
            word = make_text(token)
            found = (<object>reading.symbols).get(word)
            if found is None:
                raise UnknownWireSymbol(
                    f"{self._path(reading, None)} names an unknown symbol: {shown(word)}", unknown_symbol=word,
                    endpoint=self.name, field=self._path(reading, None), excerpt=excerpt(&reading.cursor)
                )
            if not isinstance(found, self.layout.fields[column.slots[0]].of):
                raise TypeError(f"{self.name}: the mapping gives no symbol for {word!r} but {found!r}")
            Py_XINCREF(<PyObject*>found)
            Py_XDECREF(reading.symbol)
            reading.symbol = <PyObject*>found
            last[0] = token[0]
        put(slot, <object>reading.symbol)
        return 0

    cdef int _complete(self, Reading* reading, _Struct made) except -1:
        cdef Py_ssize_t index
        cdef const Fill* fill
        cdef Slot* slot
        for index in range(self.fill_count):
            fill = &self.fills[index]
            slot = &made.slots[fill.slot]
            if slot.tag == EMPTY:
                if fill.source == NULL:
                    raise self._error(reading, "is missing", self._wire_name(self.layout.fields[fill.slot]))
                slot[0] = fill.source[0]
                Py_XINCREF(slot.object)
        return 0

    cdef str _wire_name(self, _Field field):
        for description in self.descriptions:
            if field.name in description.fields:
                return description.key
        return field.name

    cdef str _path(self, Reading* reading, str member):
        path = ".".join(self.within[:reading.level])
        if reading.row >= 0:
            path += f"[{reading.row}]"
        if member is None and reading.key.start != NULL and reading.key.length:
            member = readable(reading.key.start, reading.key.start + reading.key.length)
        if member is None:
            return path
        return f"{path}.{member}" if path else member

    cdef object _error(self, Reading* reading, str what, str member=None):
        path = self._path(reading, member)
        return DecodeError(
            f"{path} {what}", endpoint=self.name, field=path or None, excerpt=excerpt(&reading.cursor)
        )

    cdef int _fail(self, Reading* reading, int fault) except -1:
        path = self._path(reading, None)
        raise DecodeError(
            f"{path}: {describe(fault)}" if path else describe(fault), endpoint=self.name, field=path or None,
            excerpt=excerpt(&reading.cursor)
        )


cdef inline void put_known(Slot* slot, PyObject* value) noexcept:
    if value != <PyObject*>None:
        Py_XINCREF(value)
        slot.object = value
        slot.tag = OBJECT
