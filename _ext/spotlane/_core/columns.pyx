# cython: auto_pickle=False, autotestdict=False
"""The columns that an exchange declares: which member of a reply fills which fields of a struct, and how."""

cimport cython

from spotlane._core.structs cimport KIND_INTEGER, KIND_MONEY, KIND_OBJECT, _Field, _Struct

cdef object REFUSE = object()


@cython.final
cdef class _Column:
    """One wire member and the fields that it fills."""

    def __repr__(self):
        return f"<column {self.key!r} -> {', '.join(self.fields)}>"


cdef _Column _column(ColumnKind kind, str key, tuple fields, tuple where=None, tuple unless=None):
    cdef _Column made = _Column.__new__(_Column)
    made.kind = kind
    made.key = key
    made.fields = fields
    made.where = where
    made.unless = unless
    return made


def text(str key, str field):
    """Read a string, or an integer as its text. null and "" are None."""
    return _column(TEXT, key, (field,))


def number(str key, str field, *, bint zero_is_none=False, tuple where=None, tuple unless=None):
    """Read an exact decimal, bare or in a string. null and "" are None, and so is any zero with zero_is_none.

    where=(field, value) takes the member for absent in rows whose other field is not that very value, unless=(field,
    value) in rows where it is.
    """
    cdef _Column made = _column(NUMBER, key, (field,), where, unless)
    made.zero_is_none = zero_is_none
    return made


def integer(str key, str field):
    """Read a whole number of at most 18 digits, bare or in a string. null and "" are None."""
    return _column(INTEGER_NUMBER, key, (field,))


def timestamp(str key, str field, *, str unit="ms", bint zero_is_none=False):
    """Read a point in time, bare or in a string, as whole milliseconds; finer fractions are cut off.

    unit is "s", "ms" or "us". null and "" are None, and so is 0 with zero_is_none.
    """
    cdef _Column made = _column(TIMESTAMP, key, (field,))
    made.to_milliseconds = {"s": 3, "ms": 0, "us": -3}[unit]
    made.zero_is_none = zero_is_none
    return made


def choice(str key, fields, table, *, unknown=REFUSE, raw=None, tuple where=None, tuple unless=None):
    """Read one word of a closed vocabulary, a string or an integer.

    table maps each word (str or int) to the field's value, or to a tuple of values where `fields` is a tuple. A word
    that it lacks gives `unknown` and is reported to on_unknown, or is a DecodeError without one. raw names a field that
    keeps the word itself. null and "" leave the fields at their defaults. where and unless: see number.
    """
    single = isinstance(fields, str)
    cdef _Column made = _column(CHOICE, key, (fields,) if single else tuple(fields), where, unless)
    made.table = {str(word): (value,) if single else tuple(value) for word, value in table.items()}
    made.unknown = unknown if unknown is REFUSE else (unknown,) if single else tuple(unknown)
    made.raw = raw
    if len(made.fields) > MOST_FIELDS_OF_A_WORD:
        raise ValueError(f"{key}: one word fills at most {MOST_FIELDS_OF_A_WORD} fields")
    for values in [*made.table.values(), *([] if unknown is REFUSE else [made.unknown])]:
        if len(values) != len(made.fields):
            raise ValueError(f"{key}: {values!r} does not give one value to each of {', '.join(made.fields)}")
    return made


def flag(str key, str field, when_true=True, when_false=False):
    """Read true or false as one of two values. null is None."""
    cdef _Column made = _column(FLAG, key, (field,))
    made.table = {"true": (when_true,), "false": (when_false,)}
    return made


def symbol(str key, str field="symbol"):
    """Read a symbol's wire spelling through the mapping that is given with the reply."""
    return _column(SYMBOL, key, (field,))


cdef bint refuses(_Column column) except -1:
    """Tell whether a word that the table lacks is an error."""
    return column.unknown is REFUSE


cdef bint fits(_Column column, Py_ssize_t position, _Field field) except -1:
    """Tell whether a column can fill a field with nothing but values that the field's constructor takes."""
    if column.kind == NUMBER:
        return field.kind == KIND_MONEY
    if column.kind == INTEGER_NUMBER or column.kind == TIMESTAMP:
        return field.kind == KIND_INTEGER
    if field.kind != KIND_OBJECT:
        return False
    if column.kind == TEXT:
        return field.of is str
    if column.kind == SYMBOL:
        return issubclass(field.of, _Struct)
    words = [values[position] for values in column.table.values()]
    if column.unknown is not None and column.unknown is not REFUSE:
        words.append(column.unknown[position])
    return all([value is None or isinstance(value, field.of) for value in words])
