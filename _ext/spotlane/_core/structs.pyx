# cython: auto_pickle=False, autotestdict=False
"""The base of every struct: typed fields in a compact array of slots, immutable, decimals made on first access."""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport (
    Py_EQ, Py_NE, PyObject, PyObject_Hash, PyObject_IsInstance, PyObject_RichCompareBool, PyObject_Str
)
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from spotlane._core._number cimport (
    COEFFICIENT_DIGITS, EXPONENT_CEILING, NUMBER_READ, Number, read_number
)
from spotlane._core.decimals cimport make_decimal

from decimal import Decimal
from enum import Enum

from spotlane.errors import UsageError

cdef extern from "Python.h":
    ctypedef void (*freefunc)(void*) noexcept

    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        unsigned long tp_flags
        freefunc tp_free

    const unsigned long Py_TPFLAGS_HAVE_GC
    void PyObject_Free(void* memory) noexcept
    object PyType_GenericAlloc(PyTypeObject* cls, Py_ssize_t items)

cdef enum:
    # One bit a field in the constructor's and the decoder's record of what has been told.
    MOST_FIELDS = 64


cdef object MISSING = object()


@cython.final
cdef class _Field:
    """One field of a struct, and the descriptor that reads it."""

    def __cinit__(self):
        self.index = -1

    def __set_name__(self, owner, str name):
        if self.name is not None:
            raise TypeError(f"{owner.__name__}.{name}: this field already belongs to another name, {self.name}")
        self.name = name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        # One comparison of pointers for the common case, an instance of the very class that declares the field.
        if type(instance) is not self.owner and not isinstance(instance, self.owner):
            raise TypeError(f"{type(instance).__name__} has no such field: {self.name}")
        return value_of(<_Struct>instance, self)

    def __set__(self, instance, value):
        raise AttributeError(f"{type(instance).__name__} is immutable: use replace({self.name}=...)")

    def __delete__(self, instance):
        raise AttributeError(f"{type(instance).__name__} is immutable: {self.name} can't be deleted")


@cython.final
cdef class _Layout:
    """The fields of one struct class, in the order of its slots."""


def field(*, of, default=MISSING, check=None, bint kw_only=False, bint secret=False):
    """Declare a field that holds an instance of one type.

    of is the type (int refuses bool). None is accepted only where it is the default. check(name, value) raises
    UsageError for a value that the type alone does not exclude. A secret field shows as '***' in repr and is left out
    of to_dict and pickles.
    """
    if not isinstance(of, type):
        raise TypeError(f"of= takes a type, not {of!r}")
    cdef _Field made = _new_field(default, kw_only)
    made.of = of
    made.check = check
    made.secret = secret
    made.kind = KIND_INTEGER if of is int else KIND_OBJECT
    return made


def money(*, default=MISSING, bint signed=False, derive=None, bint kw_only=False):
    """Declare an exact decimal field.

    Takes Decimal and int; float, str and bool are TypeErrors; NaN, infinity and, unless signed, negatives are
    UsageErrors. derive(struct) works the value out on first access while it has not been told (default None only).
    """
    if derive is not None and default is not None:
        raise TypeError("a derived field has default=None")
    cdef _Field made = _new_field(default, kw_only)
    made.of = Decimal
    made.signed = signed
    made.derive = derive
    made.kind = KIND_MONEY
    return made


def timestamp_ms(*, default=MISSING, bint kw_only=False):
    """Declare a point in time: integer milliseconds since the epoch, UTC."""
    return field(of=int, default=default, kw_only=kw_only)


cdef _Field _new_field(object default, bint kw_only):
    cdef _Field made = _Field.__new__(_Field)
    made.required = default is MISSING
    made.nullable = default is None
    made.default = None if made.required else default
    made.kw_only = kw_only
    return made


cdef _Layout layout_of(type cls):
    """Return the layout of a struct class. Raises TypeError for any other class, Struct itself included."""
    cdef object layout = getattr(cls, "__struct_layout__", None)
    if layout is None:
        raise TypeError(f"{cls.__name__} declares no fields")
    return <_Layout?>layout


cdef _Struct new_struct(type cls, _Layout layout):
    """Make an instance with every slot EMPTY; the caller stores what is required and never hands it out before."""
    cdef _Struct made = <_Struct>PyType_GenericAlloc(<PyTypeObject*>cls, 0)
    _attach(made, layout)
    return made


cdef inline void _attach(_Struct struct, _Layout layout) noexcept:
    # The slots follow the object itself in one zeroed block, see _lay_out.
    struct.slots = <Slot*>(<char*><PyObject*>struct + HEAD)
    Py_INCREF(layout)
    struct.layout = <PyObject*>layout


cdef inline object value_of(_Struct struct, _Field field):
    cdef Slot* slot = &struct.slots[field.index]
    cdef object value
    if slot.object != NULL:
        return <object>slot.object
    if slot.tag == DECIMAL:
        value = make_decimal(slot.number, slot.exponent)
    elif slot.tag == INTEGER:
        value = slot.number
    elif field.derive is None:
        return None
    else:
        value = field.derive(struct)
        # The function may have read this very field and so filled the slot already.
        if slot.object != NULL:
            return <object>slot.object
        slot.tag = DERIVED
    Py_INCREF(value)
    slot.object = <PyObject*>value
    return value


cdef int store(_Struct struct, _Field field, object value) except -1:
    """Check a value against its field and put it into the struct's still empty slot."""
    cdef Slot* slot = &struct.slots[field.index]
    if value is None:
        if field.nullable:
            return 0
        raise _wrong_type(struct, field, value)
    if field.kind == KIND_MONEY:
        value = _read_money(struct, field, value, slot)
    elif not PyObject_IsInstance(value, field.of) or (field.kind == KIND_INTEGER and type(value) is bool):
        raise _wrong_type(struct, field, value)
    elif field.kind == KIND_INTEGER:
        _read_integer(struct, field, value, slot)
    else:
        if field.check is not None:
            field.check(f"{_name(struct)}.{field.name}", value)
        slot.tag = OBJECT
    if value is not None:
        Py_INCREF(value)
        slot.object = <PyObject*>value
    return 0


cdef object _read_money(_Struct struct, _Field field, object value, Slot* slot):
    """Fill the slot's number where the value fits; return the Decimal to keep beside it, or None."""
    cdef int overflow = 0
    cdef int64_t plain
    cdef Number number
    cdef Py_ssize_t size = 0
    cdef const char* text
    cdef const uint8_t* at
    if isinstance(value, int) and type(value) is not bool:
        plain = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow < 0 or plain < 0:
            _refuse_negative(struct, field, value)
        if not overflow and -10 ** 18 < plain < 10 ** 18:
            slot.tag = DECIMAL
            slot.number = plain
            return None
        slot.tag = OBJECT
        return Decimal(value)
    if not isinstance(value, Decimal):
        raise _wrong_type(struct, field, value)
    spelled = PyObject_Str(value)
    text = PyUnicode_AsUTF8AndSize(spelled, &size)
    at = <const uint8_t*>text
    if read_number(&at, <const uint8_t*>text + size, True, &number) != NUMBER_READ:
        raise UsageError(f"{_name(struct)}.{field.name} must be a finite number, not {spelled}")
    if number.negative and number.significant:
        _refuse_negative(struct, field, value)
    if number.significant > COEFFICIENT_DIGITS or not -EXPONENT_CEILING < number.explicit < EXPONENT_CEILING:
        slot.tag = OBJECT
        return value
    slot.tag = DECIMAL
    slot.number = -<int64_t>number.coefficient if number.negative else <int64_t>number.coefficient
    slot.exponent = number.exponent
    return value


cdef int _refuse_negative(_Struct struct, _Field field, object value) except -1:
    if not field.signed:
        raise UsageError(f"{_name(struct)}.{field.name} must not be negative: {value}")
    return 0


cdef int _read_integer(_Struct struct, _Field field, object value, Slot* slot) except -1:
    cdef int overflow = 0
    cdef int64_t plain = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raise UsageError(f"{_name(struct)}.{field.name} must fit 64 bits: {value}")
    slot.tag = INTEGER
    slot.number = plain
    return 0


cdef str _name(_Struct struct):
    return (<_Layout>struct.layout).name


cdef object _wrong_type(_Struct struct, _Field field, object value):
    wanted = "Decimal or int" if field.kind == KIND_MONEY else field.of.__name__
    message = f"{_name(struct)}.{field.name} takes {wanted}, not {type(value).__name__}"
    if not field.secret:
        message += f": {value!r}"
    if field.kind == KIND_MONEY and isinstance(value, (float, str)):
        message += f'. Only a Decimal is exact: write Decimal("{value}")'
    return TypeError(message)


def _rebuild(cls, dict values):
    return cls(**values)


cdef class _Struct:
    """What Struct is made of; apart because a compiled class can't have __init_subclass__."""

    def __cinit__(self, *args, **kwargs):
        cdef _Layout layout = layout_of(type(self))
        cdef _Field field
        cdef uint64_t told = 0
        cdef Py_ssize_t index = 0
        _attach(self, layout)
        if len(args) > layout.positional:
            raise TypeError(f"{layout.name}() takes {layout.positional} positional arguments, {len(args)} were given")
        for value in args:
            store(self, <_Field>layout.fields[index], value)
            told |= <uint64_t>1 << index
            index += 1
        for name, value in kwargs.items():
            field = <_Field>layout.index.get(name)
            if field is None:
                raise TypeError(f"{layout.name}() has no argument {name!r}; it takes {', '.join(layout.index)}")
            if told >> field.index & 1:
                raise TypeError(f"{layout.name}() got {name!r} both by position and by name")
            store(self, field, value)
            told |= <uint64_t>1 << field.index
        missing = None
        for index in range(layout.count):
            if told >> index & 1:
                continue
            field = <_Field>layout.fields[index]
            if field.required:
                missing = field.name if missing is None else f"{missing}, {field.name}"
            else:
                store(self, field, field.default)
        if missing is not None:
            raise TypeError(f"{layout.name}() misses {missing}")

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.layout == NULL:
            return
        for index in range((<_Layout>self.layout).count):
            Py_XDECREF(self.slots[index].object)
        Py_XDECREF(self.layout)

    def __richcmp__(self, other, int operator):
        cdef bint equal
        if operator != Py_EQ and operator != Py_NE or type(self) is not type(other):
            return NotImplemented
        equal = self is other or _equal(self, <_Struct>other)
        return equal == (operator == Py_EQ)

    def __hash__(self):
        cdef _Layout layout = <_Layout>self.layout
        cdef _Field field
        cdef uint64_t mixed = <uint64_t>PyObject_Hash(layout.name)
        for field in layout.fields:
            # Equal values stay equal however they came to be known, so what follows from other fields is left out.
            if field.derive is None:
                mixed = (mixed ^ <uint64_t>PyObject_Hash(value_of(self, field))) * <uint64_t>0x9E3779B97F4A7C15
                mixed ^= mixed >> 29
        mixed &= <uint64_t>0x7FFFFFFFFFFFFFFF
        return <Py_hash_t>mixed

    def __repr__(self):
        cdef _Layout layout = <_Layout>self.layout
        cdef _Field field
        shown = []
        for field in layout.fields:
            value = value_of(self, field)
            if value is not None:
                shown.append(f"{field.name}={_show(field, value)}")
        return f"{layout.name}({', '.join(shown)})"

    def __reduce__(self):
        return _rebuild, (type(self), _told(self, False))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __replace__(self, **changes):
        values = _told(self, True)
        values.update(changes)
        return type(self)(**values)

    def replace(self, **changes):
        """Return a copy with some fields changed; fields that follow from others are worked out anew."""
        return self.__replace__(**changes)

    def to_dict(self):
        """Return the fields as a plain dict: symbols as text, enums as their values, money as Decimal, no secrets."""
        cdef _Field field
        plain = {}
        for field in (<_Layout>self.layout).fields:
            if field.secret:
                continue
            value = value_of(self, field)
            if isinstance(value, Enum):
                value = value.value
            elif isinstance(value, _Struct):
                value = str(value)
            plain[field.name] = value
        return plain

    def scaled(self, str name):
        """Return a money field as (coefficient, exponent), its value being coefficient * 10**exponent, or None.

        Exact for any size. Raises AttributeError where there is no such money field.
        """
        cdef _Layout layout = <_Layout>self.layout
        cdef _Field field = <_Field>layout.index.get(name)
        cdef int64_t coefficient = 0
        cdef int32_t exponent = 0
        if field is None or field.kind != KIND_MONEY:
            raise AttributeError(f"{layout.name} has no money field {name!r}")
        if plain_number(self, field.index, &coefficient, &exponent) > 0:
            return coefficient, exponent
        value = value_of(self, field)
        if value is None:
            return None
        sign, digits, scale = value.as_tuple()
        whole = 0
        for digit in digits:
            whole = whole * 10 + digit
        return -whole if sign else whole, scale


cdef Py_ssize_t HEAD = (<PyTypeObject*>_Struct).tp_basicsize


cdef bint _equal(_Struct left, _Struct right) except -1:
    cdef _Field field
    cdef Slot* a
    cdef Slot* b
    for field in (<_Layout>left.layout).fields:
        a = &left.slots[field.index]
        b = &right.slots[field.index]
        if a.tag == b.tag and (a.tag == INTEGER or a.tag == DECIMAL and a.exponent == b.exponent):
            if a.number != b.number:
                return False
        elif not PyObject_RichCompareBool(value_of(left, field), value_of(right, field), Py_EQ):
            return False
    return True


cdef str _show(_Field field, object value):
    if field.secret:
        return "'***'"
    if field.kind == KIND_MONEY or isinstance(value, (Enum, _Struct)):
        return str(value)
    return repr(value)


cdef dict _told(_Struct struct, bint secrets):
    """Collect what the struct was told: no derived values, and secrets only where they stay inside the process."""
    cdef _Field field
    told = {}
    for field in (<_Layout>struct.layout).fields:
        if struct.slots[field.index].tag not in (EMPTY, DERIVED) and (secrets or not field.secret):
            told[field.name] = value_of(struct, field)
        elif field.default is not None:
            told[field.name] = None
    return told


cdef int _lay_out(type cls, bint kw_only) except -1:
    """Collect a new class's fields behind its base's, and refuse what would break immutability."""
    cdef _Layout layout = _Layout.__new__(_Layout)
    cdef _Field field
    cdef bint optional = False
    bases = [base for base in cls.__bases__ if issubclass(base, _Struct)]
    if len(bases) > 1:
        raise TypeError(f"{cls.__name__} can't have two structs as bases")
    inherited = getattr(bases[0], "__struct_layout__", None)
    fields = [] if inherited is None else list((<_Layout>inherited).fields)
    cdef Py_ssize_t inherited_count = len(fields)
    cdef bint bare = (
        cls.__dictoffset__ == 0 and cls.__weakrefoffset__ == 0
        and cls.__basicsize__ == HEAD + len(fields) * <Py_ssize_t>sizeof(Slot)
    )
    for value in list(cls.__dict__.values()):
        if isinstance(value, _Field):
            field = <_Field>value
            field.index = len(fields)
            field.owner = cls
            field.kw_only = field.kw_only or kw_only
            fields.append(field)
    if len(fields) > inherited_count and not bare:
        raise TypeError(f"{cls.__name__} must declare __slots__ = (), so that its instances hold nothing but fields")
    layout.name = cls.__name__
    layout.fields = tuple(fields)
    layout.count = len(fields)
    layout.index = {each.name: each for each in fields}
    if len(layout.index) != layout.count:
        raise TypeError(f"{cls.__name__} declares a field of its base again")
    if layout.count > MOST_FIELDS:
        raise TypeError(f"{cls.__name__} has more than {MOST_FIELDS} fields")
    positional = [each for each in fields if not each.kw_only]
    layout.positional = len(positional)
    if positional != fields[:layout.positional]:
        raise TypeError(f"{cls.__name__}: fields by name only come after the others")
    for field in positional:
        if field.required and optional:
            raise TypeError(f"{cls.__name__}.{field.name} has no default but follows a field that has one")
        optional = optional or not field.required
    if bare:
        # Room for the slots in the same block; a size of its own also keeps __class__ from crossing structs.
        (<PyTypeObject*>cls).tp_basicsize = HEAD + layout.count * <Py_ssize_t>sizeof(Slot)
        # Fields hold no containers, so instances can't be part of a cycle: the collector need not know or visit them.
        (<PyTypeObject*>cls).tp_flags &= ~Py_TPFLAGS_HAVE_GC
        (<PyTypeObject*>cls).tp_free = PyObject_Free
    cls.__struct_layout__ = layout
    cls.__match_args__ = tuple([each.name for each in positional])
    return 0


class Struct(_Struct):
    """Base of every immutable struct; see field, money and timestamp_ms for what a subclass declares.

    A class that declares fields sets `__slots__ = ()` and assigns a specifier to each. Its constructor takes them by
    position or by name (by name only with `kw_only=True` in the class line or in the specifier), and raises TypeError
    for a wrong type or name and UsageError for a value that can't be. Equal structs have the same type and fields.
    """

    __slots__ = ()

    def __init_subclass__(cls, *, kw_only=False, **kwargs):
        super().__init_subclass__(**kwargs)
        _lay_out(cls, kw_only)
