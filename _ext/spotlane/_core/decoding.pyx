# cython: auto_pickle=False, autotestdict=False
"""JSON bytes to structs in one pass, driven by the columns that an exchange declares."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF, Py_XINCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from spotlane._core._reading cimport MOST_SEEN, Reading, Seen
from spotlane._core._scan cimport (
    Cursor, DEEPEST, FINE, REPEATED, TOO_DEEP, TRAILING, Text, UNEXPECTED, WRONG_TYPE, read_string, same_bytes,
    skip_blanks, skip_key, skip_value, skip_word, unexpected
)
from spotlane._core._values cimport make_text, put, read_integer, read_money, read_timestamp, read_token
from spotlane._core.columns cimport CHOICE, FLAG, INTEGER_NUMBER, NUMBER, TEXT, TIMESTAMP, _Column, refuses
from spotlane._core.faults cimport describe, excerpt, readable, shown
from spotlane._core.structs cimport OBJECT, Slot, _Struct, new_struct
from spotlane._core.tables cimport Choice, Column, _Table, complete

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
    array of rows, in which `...` stands for every element of an array. Members that no column names are validated and
    skipped.
    """
    cdef readonly type of
    cdef readonly str name
    cdef _Table table
    cdef tuple within

    def __cinit__(self, type of, str name, *, columns, constants=None, required=(), within=()):
        self.of = of
        self.name = name
        self.table = _Table(of, name, tuple(columns), constants, required)
        self.within = tuple(within)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __repr__(self):
        return f"Decoder({self.of.__name__}, {self.name!r})"

    def key_of(self, str field not None):
        """Return the name of the member that fills a field, or the field's own where none does."""
        return self.table.key_of(self.table.field_named(field))

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
        if self.table.has_symbol and symbols is None:
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
        if self.within[reading.level] is ...:
            return self._each(reading)
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

    cdef list _each(self, Reading* reading):
        """Read the rows inside every element of an array into one list."""
        cdef list rows = []
        cdef uint8_t byte
        if not reading.many:
            raise TypeError(f"{self.name} reads many rows")
        byte = self._open(reading, c'[')
        reading.level += 1
        while byte != c']':
            rows += self._enter(reading)
            reading.key.start = NULL
            byte = self._step(reading, c']')
        reading.level -= 1
        self._close(reading)
        return rows

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
        cdef Column* columns = self.table.columns
        cdef _Struct made = new_struct(self.of, self.table.layout)
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
                self._pass(reading, self._value(reading, &columns[index], made))
            byte = self._step(reading, c'}')
        self._close(reading)
        index = complete(self.table, made)
        if index >= 0:
            raise self._error(reading, "is missing", self.table.key_of(self.table.layout.fields[index]))
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
        seen.column = self.table.find(&reading.key)
        return seen.column

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
            if not isinstance(found, self.table.layout.fields[column.slots[0]].of):
                raise TypeError(f"{self.name}: the mapping gives no symbol for {word!r} but {found!r}")
            Py_XINCREF(<PyObject*>found)
            Py_XDECREF(reading.symbol)
            reading.symbol = <PyObject*>found
            last[0] = token[0]
        put(slot, <object>reading.symbol)
        return 0

    cdef str _path(self, Reading* reading, str member):
        path = "".join(["[]" if name is ... else f".{name}" for name in self.within[:reading.level]]).removeprefix(".")
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
