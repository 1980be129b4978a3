# cython: auto_pickle=False, autotestdict=False
"""What a struct is in memory: a compact array of slots, immutable, with decimals made on first access."""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport (
    Py_EQ, Py_NE, PyObject, PyObject_Hash, PyObject_IsInstance, PyObject_RichCompareBool, PyObject_Str
)
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.type cimport PyType_IsSubtype
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
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize

    object PyType_GenericAlloc(PyTypeObject* cls, Py_ssize_t items)


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
        return _value(<_Struct>instance, self)

    def __set__(self, instance, value):
        raise AttributeError(f"{type(instance).__name__} is immutable: use replace({self.name}=...)")

    def __delete__(self, instance):
        raise AttributeError(f"{type(instance).__name__} is immutable: {self.name} can't be deleted")


@cython.final
cdef class _Layout:
    """The fields of one struct class, in the order of its slots."""


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


cdef inline object _value(_Struct struct, _Field field):
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


cdef object value_of(_Struct struct, _Field field):
    """Return a field's value, made or worked out where nobody has asked for it yet."""
    return _value(struct, field)


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
        # Beyond 64 bits, plain is -1 either way.
        if overflow < 0 or (overflow == 0 and plain < 0):
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


cdef _Field _named(_Layout layout, object name):
    cdef object field = layout.index.get(name)
    if field is None:
        raise TypeError(f"{layout.name}() has no argument {name!r}; it takes {', '.join(layout.index)}")
    return <_Field>field


cdef _Struct _copy(_Struct struct, type cls, _Layout layout, dict changes):
    """Copy the fields that cls has, and change some. What was derived is worked out anew."""
    cdef _Struct made = new_struct(cls, layout)
    cdef _Field field
    cdef Py_ssize_t index
    for index in range(layout.count):
        take_slot(&made.slots[index], &struct.slots[index])
    for name, value in changes.items():
        field = _named(layout, name)
        clear_slot(&made.slots[field.index])
        store(made, field, value)
    return made


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
            field = _named(layout, name)
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
        return _rebuild, (type(self), _told(self))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __replace__(self, **changes):
        return _copy(self, type(self), <_Layout>self.layout, changes)

    def replace(self, **changes):
        """Return a copy with some fields changed; fields that follow from others are worked out anew.

        Fields that stay are not checked a second time, and no __init__ of a subclass is called.
        """
        return _copy(self, type(self), <_Layout>self.layout, changes)

    def upcast(self, type cls not None, **changes):
        """Return the fields that a base class has, with some changed, as an instance of that class."""
        if not PyType_IsSubtype(type(self), cls):
            raise TypeError(f"{cls.__name__} is no base of {_name(self)}")
        return _copy(self, cls, layout_of(cls), changes)

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


cdef dict _told(_Struct struct):
    """Collect what the struct was told: no derived values, and no secrets, which stay inside the process."""
    cdef _Field field
    told = {}
    for field in (<_Layout>struct.layout).fields:
        if struct.slots[field.index].tag not in (EMPTY, DERIVED) and not field.secret:
            told[field.name] = value_of(struct, field)
        elif field.default is not None:
            told[field.name] = None
    return told
