# cython: auto_pickle=False, autotestdict=False
"""Requests made of a struct: its words, texts and amounts go straight from the slots into one buffer."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint64_t

from spotlane._core._buffer cimport Buffer, append, append_zeros, begin, release
from spotlane._core.encoding cimport append_number, append_quoted
from spotlane._core.json_encoding cimport append_string
from spotlane._core.structs cimport (
    DECIMAL, EMPTY, KIND_MONEY, KIND_OBJECT, Slot, _Field, _Layout, _Struct, layout_of, value_of
)

from enum import Enum

from spotlane.errors import UsageError

cdef enum PartKind:
    GIVEN
    CONSTANT
    TEXT
    AMOUNT
    WORD

cdef enum:
    MOST_FIELDS_OF_A_PART = 4
    # Beyond it a number has more zeros than any amount: the general way, which also refuses what is absurd.
    FAR = 30

cdef struct Word:
    PyObject* values[MOST_FIELDS_OF_A_PART]
    const char* text           # NULL where the parameter is left out
    Py_ssize_t length

cdef struct Part:
    PartKind kind
    const char* head           # separator and name; of a constant its value, too
    Py_ssize_t head_length
    Py_ssize_t slots[MOST_FIELDS_OF_A_PART]
    Py_ssize_t slot_count
    Word* words
    Py_ssize_t word_count


@cython.final
cdef class _Part:
    """One parameter of a request and where its value comes from."""
    cdef PartKind kind
    cdef readonly str name
    cdef readonly tuple fields
    cdef dict table
    cdef str value

    def __repr__(self):
        return f"<part {self.name!r}>"


cdef _Part _part(PartKind kind, str name, tuple fields):
    cdef _Part made = _Part.__new__(_Part)
    made.kind = kind
    made.name = name
    made.fields = fields
    if len(fields) > MOST_FIELDS_OF_A_PART:
        raise ValueError(f"{name}: at most {MOST_FIELDS_OF_A_PART} fields make one parameter")
    return made


def given(str name not None):
    """Write a text that is handed over beside the struct, in the order of these parts."""
    return _part(GIVEN, name, ())


def constant(str name not None, str value not None):
    """Write the same text every time."""
    cdef _Part made = _part(CONSTANT, name, ())
    made.value = value
    return made


def text(str name not None, str field not None):
    """Write a text; None leaves the parameter out."""
    return _part(TEXT, name, (field,))


def amount(str name not None, str field not None, *stand_ins):
    """Write the digits of a money field, or of the first of its stand-ins that is not None."""
    return _part(AMOUNT, name, (field, *stand_ins))


def word(str name not None, fields not None, table not None):
    """Write the word that a table has for an enum's member, or for the members of several fields.

    table maps a member, or a tuple of members where `fields` is a tuple, to a word; None stands for a field that is
    None, and for a parameter that is left out. fill raises UsageError for what the table lacks.
    """
    single = isinstance(fields, str)
    cdef _Part made = _part(WORD, name, (fields,) if single else tuple(fields))
    made.table = {(values,) if single else tuple(values): spelled for values, spelled in table.items()}
    return made


@cython.final
cdef class Form:
    """The parameters of one kind of request, made of a struct and of texts; see query_form and json_form."""
    cdef type of
    cdef readonly tuple names
    cdef tuple descriptions
    cdef _Layout layout
    cdef bint json
    cdef list owned              # bytes and members that the C tables point into
    cdef Part* parts
    cdef Py_ssize_t part_count
    cdef Py_ssize_t given_count

    def __cinit__(self, type of not None, tuple parts not None, bint json):
        self.of = of
        self.layout = layout_of(of)
        self.json = json
        self.descriptions = parts
        self.names = tuple([(<_Part?>part).name for part in parts])
        self.owned = []
        if len(set(self.names)) != len(parts):
            raise ValueError(f"a name is given twice: {', '.join(self.names)}")
        self.parts = <Part*>PyMem_Calloc(len(parts) + 1, sizeof(Part))
        if self.parts == NULL:
            raise MemoryError
        for description in parts:
            self._add(<_Part>description)

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.parts != NULL:
            for index in range(self.part_count):
                PyMem_Free(self.parts[index].words)
            PyMem_Free(self.parts)

    def __repr__(self):
        return f"Form({self.of.__name__}: {', '.join(self.names)})"

    cdef bytes _spell(self, str value, str name):
        cdef Buffer buffer
        begin(&buffer)
        try:
            self._append_text(&buffer, value, name)
            return PyBytes_FromStringAndSize(buffer.data, buffer.length)
        finally:
            release(&buffer)

    cdef int _add(self, _Part description) except -1:
        cdef Part* part = &self.parts[self.part_count]
        cdef _Field field
        name = self._spell(description.name, description.name)
        head = b"," + name + b":" if self.json else b"&" + name + b"="
        if description.kind == CONSTANT:
            head += self._spell(description.value, description.name)
        self.owned.append(head)
        part.kind = description.kind
        part.head = PyBytes_AS_STRING(head)
        part.head_length = len(head)
        self.given_count += part.kind == GIVEN
        for field_name in description.fields:
            if field_name not in self.layout.index:
                raise ValueError(f"{description.name}: {self.layout.name} has no field {field_name!r}")
            field = self.layout.index[field_name]
            if (
                field.kind != (KIND_MONEY if part.kind == AMOUNT else KIND_OBJECT)
                or field.derive is not None
                or part.kind == TEXT and field.of is not str
                or part.kind == WORD and not issubclass(field.of, Enum)
            ):
                raise TypeError(f"{description.name}: {field_name} is not of the type that is written here")
            part.slots[part.slot_count] = field.index
            part.slot_count += 1
        self.part_count += 1
        if part.kind == WORD:
            self._add_words(part, description)
        return 0

    cdef int _add_words(self, Part* part, _Part description) except -1:
        cdef Word* known
        cdef _Field field
        part.words = <Word*>PyMem_Calloc(len(description.table) + 1, sizeof(Word))
        if part.words == NULL:
            raise MemoryError
        for values, spelled in description.table.items():
            if len(values) != part.slot_count:
                raise ValueError(f"{description.name}: {values!r} is not one value for each field")
            known = &part.words[part.word_count]
            for place, value in enumerate(values):
                field = self.layout.fields[part.slots[place]]
                if value is not None and not isinstance(value, field.of):
                    raise TypeError(f"{description.name}: {field.name} can't be {value!r}")
                known.values[place] = NULL if value is None else <PyObject*>value
            if spelled is not None:
                written = self._spell(spelled, description.name)
                self.owned.append(written)
                known.text = PyBytes_AS_STRING(written)
                known.length = len(written)
            self.owned.append(values)
            part.word_count += 1
        return 0

    # Bound as Cython functions are, a method with *texts copies its arguments once more.
    @cython.binding(False)
    def fill(self, _Struct struct not None, *texts):
        """Return the bytes of the request: parts whose field is None, or whose word is, are left out.

        texts are one str for each part that is `given`. TypeError for a struct of another class, for another number of
        texts and for one that is no str; UsageError for a lone surrogate, for an exponent beyond 9999, and for members
        that have no word. All but the first two name the parameter.
        """
        cdef Buffer buffer
        cdef Py_ssize_t index
        cdef Py_ssize_t next_text = 0
        cdef Part* part
        if type(struct) is not self.of and not isinstance(struct, self.of):
            raise TypeError(f"the form is made of {self.of.__name__}, not {type(struct).__name__}")
        if PyTuple_GET_SIZE(texts) != self.given_count:
            raise TypeError(f"{self.given_count} texts are needed beside the struct; {len(texts)} were given")
        begin(&buffer)
        try:
            if self.json:
                append(&buffer, b"{", 1)
            for index in range(self.part_count):
                part = &self.parts[index]
                if part.kind == CONSTANT:
                    self._append_head(&buffer, part)
                elif part.kind == GIVEN:
                    value = texts[next_text]
                    next_text += 1
                    if not isinstance(value, str):
                        raise TypeError(f"parameter {self.names[index]!r} must be str, not {type(value).__name__}")
                    self._append_head(&buffer, part)
                    self._append_text(&buffer, value, <str>self.names[index])
                elif part.kind == TEXT:
                    if struct.slots[part.slots[0]].object != NULL:
                        self._append_head(&buffer, part)
                        self._append_text(
                            &buffer, <object>struct.slots[part.slots[0]].object, <str>self.names[index]
                        )
                elif part.kind == AMOUNT:
                    self._append_amount(&buffer, part, struct, <str>self.names[index])
                else:
                    self._append_word(&buffer, part, struct, <str>self.names[index])
            if self.json:
                append(&buffer, b"}", 1)
            return PyBytes_FromStringAndSize(buffer.data, buffer.length)
        finally:
            release(&buffer)

    cdef inline int _append_head(self, Buffer* buffer, const Part* part) except -1:
        # The first one has no separator before it.
        cdef bint first = buffer.length == self.json
        return append(buffer, part.head + first, part.head_length - first)

    cdef inline int _append_text(self, Buffer* buffer, object value, str name) except -1:
        return append_string(buffer, value, name) if self.json else append_quoted(buffer, value, name)

    cdef inline int _append_amount(self, Buffer* buffer, const Part* part, _Struct struct, str name) except -1:
        cdef Py_ssize_t place
        cdef const Slot* slot
        for place in range(part.slot_count):
            slot = &struct.slots[part.slots[place]]
            if slot.tag != EMPTY:
                self._append_head(buffer, part)
                if self.json:
                    append(buffer, b'"', 1)
                if slot.tag == DECIMAL and -FAR <= slot.exponent <= FAR:
                    append_scaled(buffer, slot.number, slot.exponent)
                else:
                    append_number(buffer, value_of(struct, self.layout.fields[part.slots[place]]), name)
                return append(buffer, b'"', 1) if self.json else 0
        return 0

    cdef inline int _append_word(self, Buffer* buffer, const Part* part, _Struct struct, str name) except -1:
        cdef Py_ssize_t index
        cdef Py_ssize_t place
        cdef const Word* known
        for index in range(part.word_count):
            known = &part.words[index]
            place = 0
            while place < part.slot_count and struct.slots[part.slots[place]].object == known.values[place]:
                place += 1
            if place == part.slot_count:
                if known.text == NULL:
                    return 0
                self._append_head(buffer, part)
                return append(buffer, known.text, known.length)
        told = ", ".join([
            f"{field.name}={value_of(struct, field)}"
            for field in [self.layout.fields[part.slots[place]] for place in range(part.slot_count)]
        ])
        raise UsageError(f"parameter {name!r} has no word for {told}")


def query_form(type of not None, *parts):
    """Return the form of a query string by RFC 3986."""
    return Form(of, parts, False)


def json_form(type of not None, *parts):
    """Return the form of a JSON object without blanks; amounts are plain digits in strings."""
    return Form(of, parts, True)


cdef int append_scaled(Buffer* buffer, int64_t coefficient, int32_t exponent) except -1:
    """Append coefficient * 10**exponent in plain digits, with exactly its decimals."""
    cdef char digits[20]
    cdef int at = 20
    cdef int whole
    cdef uint64_t rest = 0 - <uint64_t>coefficient if coefficient < 0 else <uint64_t>coefficient
    while rest:
        at -= 1
        digits[at] = c"0" + <char>(rest % 10)
        rest //= 10
    if coefficient < 0:
        append(buffer, b"-", 1)
    # How many digits stand before the point.
    whole = 20 - at + exponent
    if exponent >= 0:
        append(buffer, digits + at, 20 - at)
        return append_zeros(buffer, exponent) if coefficient else append(buffer, b"0", 1)
    if whole > 0:
        append(buffer, digits + at, whole)
        append(buffer, b".", 1)
        return append(buffer, digits + at + whole, -exponent)
    append(buffer, b"0.", 2)
    append_zeros(buffer, -whole)
    return append(buffer, digits + at, 20 - at)
