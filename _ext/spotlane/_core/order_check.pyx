# cython: auto_pickle=False, autotestdict=False
"""Whether an order surely passes the rules of its symbol, answered from its slots without making a single Decimal."""

cimport cython
from cpython.object cimport PyObject, PyObject_TypeCheck, PyTypeObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from spotlane._core._wide cimport MOST_TENS, Wide, compare, product, spotlane_tens, wide
from spotlane._core.structs cimport EMPTY, OBJECT, Slot, _Field, _Layout, _Struct, layout_of, plain_number

cdef enum:
    MOST_SIDES = 2
    MOST_TYPES = 8
    MOST_TIMES = 4
    MOST_FIELDS = 64
    # How many combinations of the sizes below there are.
    GIVEN_KINDS = 8
    # Amounts of more digits or beyond these powers of ten are left to the plain check, which works in 200 digits.
    MOST_DIGITS = 18
    LARGEST_EXPONENT = 40

cdef enum Given:
    PRICE = 1
    QUANTITY = 2
    QUOTE_QUANTITY = 4

cdef struct Amount:
    uint64_t coefficient
    int32_t exponent

cdef struct Limits:
    Amount step    # coefficient 0: any value goes
    Amount low     # coefficient 0: no minimum
    Amount high
    bint has_high
    bint is_known  # otherwise nothing is sure about a value under these limits


@cython.final
cdef class Shapes:
    """The combinations of side, order type, time in force and sizes that an exchange takes.

    of is the struct of an order. allowed holds (side, order type, time in force or None, names of the sizes that are
    given: price, quantity, quote_quantity). Orders of the type `market` have limits of their own. Fields beside these
    must be None, except those that are ignored. Raises ValueError for more kinds of anything than there is room for.
    """

    cdef type of
    cdef PyObject* sides[MOST_SIDES]
    cdef PyObject* types[MOST_TYPES]
    cdef PyObject* times[MOST_TIMES]
    # For each order type, one bit for each (time in force, side, sizes given).
    cdef uint64_t allowed[MOST_TYPES]
    cdef PyObject* market
    cdef Py_ssize_t side_index, type_index, time_index, price_index, quantity_index, quote_index
    cdef Py_ssize_t empty[MOST_FIELDS]
    cdef Py_ssize_t empty_count
    # What the pointers above point to.
    cdef list members

    def __cinit__(self, type of, *, allowed, market, ignored=()):
        cdef _Layout layout = layout_of(of)
        cdef _Field field
        cdef int side, kind, time, given
        self.of = of
        self.members = [market]
        self.market = <PyObject*>market
        self.side_index = _index(layout, "side")
        self.type_index = _index(layout, "order_type")
        self.time_index = _index(layout, "time_in_force")
        self.price_index = _index(layout, "price")
        self.quantity_index = _index(layout, "quantity")
        self.quote_index = _index(layout, "quote_quantity")
        used = {"side", "order_type", "time_in_force", "price", "quantity", "quote_quantity", *ignored}
        for field in layout.fields:
            if field.name not in used:
                self.empty[self.empty_count] = field.index
                self.empty_count += 1
        for side_member, type_member, time_member, sizes in allowed:
            side = self._place(self.sides, MOST_SIDES, side_member)
            kind = self._place(self.types, MOST_TYPES, type_member)
            # The first place stands for None, whose slot holds nothing.
            time = 0 if time_member is None else 1 + self._place(self.times + 1, MOST_TIMES - 1, time_member)
            given = 0
            for name in sizes:
                given |= {"price": PRICE, "quantity": QUANTITY, "quote_quantity": QUOTE_QUANTITY}[name]
            self.allowed[kind] |= _bit(time, side, given)

    cdef int _place(self, PyObject** places, int most, object member) except -1:
        """Return where a member stands, and put it there when it is new."""
        cdef int at
        for at in range(most):
            if places[at] == NULL:
                self.members.append(member)
                places[at] = <PyObject*>member
            if places[at] == <PyObject*>member:
                return at
        raise ValueError(f"there are more than {most} of the kind of {member!r}")


@cython.final
cdef class OrderCheck:
    """The rules of one symbol on an exchange that takes these shapes.

    Limits are (step, low, high), each a Decimal or None: of the price, of the quantity, of that of market orders, of
    price x quantity, and of the quote quantity. sides and order_types are what the symbol is open to now.
    """

    cdef Shapes shapes
    cdef uint64_t allowed[MOST_TYPES]
    cdef Limits price, quantity, market_quantity, notional, quote_quantity

    def __cinit__(
        self, Shapes shapes not None, *, sides, order_types, price, quantity, market_quantity, notional, quote_quantity
    ):
        cdef uint64_t open_sides = 0
        cdef int side, time, kind, given
        self.shapes = shapes
        for side in range(MOST_SIDES):
            if shapes.sides[side] != NULL and <object>shapes.sides[side] in sides:
                for time in range(MOST_TIMES):
                    for given in range(GIVEN_KINDS):
                        open_sides |= _bit(time, side, given)
        for kind in range(MOST_TYPES):
            if shapes.types[kind] != NULL and <object>shapes.types[kind] in order_types:
                self.allowed[kind] = shapes.allowed[kind] & open_sides
        self.price = _read_limits(price)
        self.quantity = _read_limits(quantity)
        self.market_quantity = _read_limits(market_quantity)
        self.notional = _read_limits(notional)
        self.quote_quantity = _read_limits(quote_quantity)

    def passes(self, params):
        """Return True where an order surely passes; False means that it has to be looked at, not that it is wrong."""
        cdef Shapes shapes = self.shapes
        cdef _Struct order
        cdef Amount price, quantity, quote
        cdef Wide notional
        cdef int at, kind, given
        # Not isinstance(), which believes what an object says of its own class.
        if not PyObject_TypeCheck(params, <PyTypeObject*>shapes.of):
            return False
        order = <_Struct>params
        for at in range(shapes.empty_count):
            if order.slots[shapes.empty[at]].tag != EMPTY:
                return False
        given = (
            _size(order, shapes.price_index, PRICE, &price)
            | _size(order, shapes.quantity_index, QUANTITY, &quantity)
            | _size(order, shapes.quote_index, QUOTE_QUANTITY, &quote)
        )
        kind = _find(&order.slots[shapes.type_index], shapes.types, MOST_TYPES)
        at = _place_of(
            _find_time(&order.slots[shapes.time_index], shapes.times),
            _find(&order.slots[shapes.side_index], shapes.sides, MOST_SIDES),
            given,
        )
        if given < 0 or kind < 0 or at < 0 or not self.allowed[kind] >> at & 1:
            return False
        if given & PRICE and not _is_within(&self.price, &price):
            return False
        if given & QUANTITY:
            if not _is_within(
                &self.market_quantity if shapes.types[kind] == shapes.market else &self.quantity, &quantity
            ):
                return False
            if given & PRICE:
                notional = product(price.coefficient, quantity.coefficient)
                if not _is_between(&self.notional, notional, price.exponent + quantity.exponent):
                    return False
        return not given & QUOTE_QUANTITY or _is_within(&self.quote_quantity, &quote)


cdef Py_ssize_t _index(_Layout layout, str name) except -1:
    return (<_Field?>layout.index[name]).index


cdef inline int _place_of(int time, int side, int given) noexcept:
    """Return the number of the bit for a combination, negative where a part of it is."""
    return -1 if time < 0 or side < 0 or given < 0 else (time * MOST_SIDES + side) * GIVEN_KINDS + given


cdef inline uint64_t _bit(int time, int side, int given) noexcept:
    return <uint64_t>1 << _place_of(time, side, given)


cdef inline int _find(const Slot* slot, PyObject** members, int most) noexcept:
    """Return the place of a slot's member, -1 for one that is in none."""
    cdef int at
    if slot.tag == OBJECT:
        for at in range(most):
            if members[at] == slot.object:
                return at
    return -1


cdef inline int _find_time(const Slot* slot, PyObject** members) noexcept:
    return 0 if slot.tag == EMPTY else _find(slot, members, MOST_TIMES)


cdef inline int _size(_Struct order, Py_ssize_t index, int bit, Amount* amount) noexcept:
    """Read one size: its bit where it is given, 0 where it is not, -1 where nothing is sure about it."""
    cdef int64_t coefficient = 0
    cdef int told
    amount.coefficient = 0
    amount.exponent = 0
    told = plain_number(order, index, &coefficient, &amount.exponent)
    if told <= 0:
        return told
    if coefficient <= 0 or not -LARGEST_EXPONENT <= amount.exponent <= LARGEST_EXPONENT:
        return -1
    amount.coefficient = <uint64_t>coefficient
    return bit


cdef inline bint _is_within(const Limits* limits, Amount* value) noexcept:
    """Say whether a value keeps its limits. It comes back without the zeros that are finer than the step."""
    if limits.step.coefficient and not _is_whole(&limits.step, value):
        return False
    return _is_between(limits, wide(value.coefficient), value.exponent)


cdef inline bint _is_whole(const Amount* step, Amount* value) noexcept:
    cdef uint64_t power, rest
    cdef int32_t tens = step.exponent - value.exponent
    if tens > 0:
        if tens > MOST_TENS:
            return False
        power = spotlane_tens[tens]
        if value.coefficient % power:
            return False
        value.coefficient //= power
        value.exponent = step.exponent
    rest = value.coefficient % step.coefficient if step.coefficient != 1 else 0
    while rest and tens < 0:
        # Both factors are below 2**32, as the step is.
        rest = rest * (10 % step.coefficient) % step.coefficient
        tens += 1
    return rest == 0


cdef inline bint _is_between(const Limits* limits, Wide value, int32_t exponent) noexcept:
    if not limits.is_known:
        return False
    if limits.low.coefficient and compare(value, exponent, wide(limits.low.coefficient), limits.low.exponent) < 0:
        return False
    return not limits.has_high or compare(value, exponent, wide(limits.high.coefficient), limits.high.exponent) <= 0


cdef Limits _read_limits(tuple told) except *:
    """Read (step, low, high). A bound with more digits than are kept is moved inwards: what passes it passes both."""
    cdef Limits limits
    step, low, high = told
    limits.step.coefficient = limits.low.coefficient = limits.high.coefficient = 0
    limits.step.exponent = limits.low.exponent = limits.high.exponent = 0
    limits.has_high = high is not None
    limits.is_known = (
        (low is None or _read_amount(low, 1, &limits.low))
        and (high is None or _read_amount(high, -1, &limits.high))
        and (step is None or _read_amount(step, 0, &limits.step) and 0 < limits.step.coefficient < <uint64_t>1 << 32)
    )
    return limits


cdef bint _read_amount(object value, int rounding, Amount* amount) except -1:
    """Read a Decimal that is not negative; return False for one that can't be kept. rounding: 1 up, -1 down, 0 not."""
    if not value.is_finite():
        return False
    sign, digits, exponent = value.as_tuple()
    if sign or not -LARGEST_EXPONENT <= exponent <= exponent + len(digits) <= LARGEST_EXPONENT:
        return False
    whole = int("".join([str(digit) for digit in digits]))
    while whole and not whole % 10:
        whole //= 10
        exponent += 1
    dropped = len(str(whole)) - MOST_DIGITS
    if dropped > 0:
        if not rounding:
            return False
        whole = whole // 10 ** dropped + (rounding > 0)
        exponent += dropped
    amount.coefficient = whole
    amount.exponent = exponent if whole else 0
    return True
