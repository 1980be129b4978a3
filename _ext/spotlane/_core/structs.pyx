# cython: auto_pickle=False, autotestdict=False
"""The base of every struct, and how a class declares its typed fields."""

from spotlane._core.slots cimport KIND_INTEGER, KIND_MONEY, KIND_OBJECT, Slot, _Field, _Layout, _Struct

from decimal import Decimal

cdef extern from "Python.h":
    ctypedef void (*freefunc)(void*) noexcept

    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        unsigned long tp_flags
        freefunc tp_free

    const unsigned long Py_TPFLAGS_HAVE_GC
    void PyObject_Free(void* memory) noexcept

cdef enum:
    # One bit a field in the constructor's and the decoder's record of what has been told.
    MOST_FIELDS = 64

cdef object MISSING = object()
cdef Py_ssize_t HEAD = (<PyTypeObject*>_Struct).tp_basicsize


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
