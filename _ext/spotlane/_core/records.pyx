# cython: auto_pickle=False, autotestdict=False
"""The records of a journal, read back. The format is in docs/journal.md."""

cimport cython
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr

from spotlane._core._record cimport (
    CRC, EPOCH, HEAD, INTENT, MAGIC_0, NOTE, NO_AMOUNT, NO_TEXT, SCALED, SPELLED, crc32_prepare, get32, get64,
    whole_record
)
from spotlane._core.decimals cimport decimal_from_text, make_decimal
from spotlane._core.structs cimport _Field, layout_of

crc32_prepare()


@cython.final
cdef class Codec:
    """What an order is made of, and the numbers that stand for its words.

    params and symbol are the structs of an order and of its symbol. A member of sides, order_types, times and states is
    written as its place, counted from 1; a note of one of the terminal states ends an intent. Raises TypeError where
    the structs have other fields than those that a record holds.
    """

    def __cinit__(self, type params not None, type symbol not None, *, sides, order_types, times, states, terminal):
        cdef dict index = layout_of(params).index
        names = ("quantity", "price", "quote_quantity", "stop_price", "iceberg_quantity")
        others = ("symbol", "side", "order_type", "time_in_force", "self_trade_prevention", "client_order_id")
        if set(index) != {*names, *others} or list(layout_of(symbol).index) != ["base", "quote"]:
            raise TypeError(f"a journal holds every field of an order: {', '.join(others + names)}")
        self.params, self.symbol, self.layout = params, symbol, layout_of(params)
        self.sides, self.order_types = tuple(sides), tuple(order_types)
        self.times, self.states = tuple(times), tuple(states)
        self.terminal = frozenset(terminal)
        self.symbols = {}
        for at, name in enumerate(names):
            self.amounts[at] = (<_Field>index[name]).index
        self.symbol_at, self.side_at, self.type_at, self.time_at, self.prevention_at = [
            (<_Field>index[name]).index for name in others[:5]
        ]


@cython.final
cdef class Scan:
    """What the records of a file say, from `start` on.

    end is where the whole records end and sequence the number that comes next. open has where the record of every
    intent without a terminal note begins, by client order id, oldest first. first_epoch is the one that this file
    began with: of earlier ones, only open intents are in it. trouble says what a whole record, at end,
    has in it that cannot be.
    """

    cdef readonly Py_ssize_t end
    cdef readonly uint64_t sequence
    cdef readonly uint32_t epoch
    cdef readonly uint32_t first_epoch
    cdef readonly uint32_t pid
    cdef readonly dict open
    cdef readonly str trouble

    def __cinit__(self, Codec codec not None, const uint8_t[::1] data not None, Py_ssize_t start):
        cdef const uint8_t* at
        cdef Py_ssize_t length
        self.open = {}
        self.end = start
        while self.end < data.shape[0]:
            at = &data[self.end]
            length = whole_record(at, data.shape[0] - self.end)
            if not length:
                return
            self.trouble = self._trouble(at, length)
            if self.trouble is not None:
                return
            try:
                self._take(codec, at, length)
            except ValueError as error:
                self.trouble = f"its content can't be read: {error}"
                return
            self.sequence += 1
            self.end += length

    cdef str _trouble(self, const uint8_t* at, Py_ssize_t length):
        cdef uint32_t epoch = get32(at + 8)
        if get64(at + 12) != self.sequence:
            return f"it is number {get64(at + 12)} where {self.sequence} comes next"
        if epoch < self.epoch or (at[2] == EPOCH and epoch == self.epoch):
            return f"its epoch {epoch} does not rise: the one before is {self.epoch}"
        if not EPOCH <= at[2] <= NOTE:
            return f"it is of kind {at[2]}, which this version does not know"
        return None

    cdef int _take(self, Codec codec, const uint8_t* at, Py_ssize_t length) except -1:
        cdef Reading reading = reading_of(at, length)
        self.epoch = get32(at + 8)
        if at[2] == EPOCH and self.first_epoch == 0:
            self.first_epoch = self.epoch
        if at[2] == EPOCH:
            self.pid = get32(take(&reading, 4))
            return 0
        client_order_id = take_word(&reading)
        if at[2] == INTENT:
            # An id that was proven unsent may be sent again: the later record counts, at its own place.
            self.open.pop(client_order_id, None)
            self.open[client_order_id] = self.end
        elif member(codec.states, take(&reading, 1)[0]) in codec.terminal:
            self.open.pop(client_order_id, None)
        return 0


def find_record(const uint8_t[::1] data not None, Py_ssize_t start):
    """Return where the first whole record at or behind a place begins, or -1."""
    cdef Py_ssize_t size = data.shape[0]
    cdef const uint8_t* found
    while size - start >= HEAD + CRC:
        found = <const uint8_t*>memchr(&data[start], MAGIC_0, size - start)
        if found == NULL:
            return -1
        start = found - &data[0]
        if whole_record(found, size - start):
            return start
        start += 1
    return -1


def record_at(const uint8_t[::1] data not None, Py_ssize_t start):
    """Return the bytes of the whole record that begins at a place. Raises ValueError where there is none."""
    if not 0 <= start < data.shape[0] or not whole_record(&data[start], data.shape[0] - start):
        raise ValueError(f"no whole record begins at {start}")
    return (<const char*>&data[start])[:get32(&data[start] + 4)]


def read_intent(Codec codec not None, bytes record not None):
    """Return (client order id, order, sent_ms, not_after_ms, window_ms, epoch) of the record of an intent.

    Raises ValueError or TypeError for content that no intent has.
    """
    cdef const uint8_t* at = record
    cdef Reading reading = reading_of(at, len(record))
    client_order_id = take_word(&reading)
    not_after_ms = <int64_t>get64(take(&reading, 8))
    window_ms = <int64_t>get64(take(&reading, 8))
    told = {"side": member(codec.sides, take(&reading, 1)[0]), "client_order_id": client_order_id}
    told["order_type"] = member(codec.order_types, take(&reading, 1)[0])
    told["time_in_force"] = member(codec.times, take(&reading, 1)[0])
    pair = (take_word(&reading), take_word(&reading))
    symbol = codec.symbols.get(pair)
    if symbol is None:
        symbol = codec.symbols[pair] = codec.symbol(*pair)
    told["symbol"] = symbol
    told["self_trade_prevention"] = take_text(&reading)
    for name in ("quantity", "price", "quote_quantity", "stop_price", "iceberg_quantity"):
        told[name] = take_amount(&reading)
    if reading.at != reading.end:
        raise ValueError("bytes are left over")
    return client_order_id, codec.params(**told), <int64_t>get64(at + 20), not_after_ms, window_ms, get32(at + 8)


cdef struct Reading:
    const uint8_t* at
    const uint8_t* end


cdef inline Reading reading_of(const uint8_t* record, Py_ssize_t length) noexcept:
    cdef Reading reading
    reading.at = record + HEAD
    reading.end = record + length - CRC
    return reading


cdef inline const uint8_t* take(Reading* reading, Py_ssize_t length) except NULL:
    cdef const uint8_t* at = reading.at
    if reading.end - at < length:
        raise ValueError("it ends too early")
    reading.at = at + length
    return at


cdef object take_text(Reading* reading):
    cdef const uint8_t* at = take(reading, 2)
    cdef Py_ssize_t length = at[0] | at[1] << 8
    if length == NO_TEXT:
        return None
    return PyUnicode_DecodeUTF8(<const char*>take(reading, length), length, NULL)


cdef object take_word(Reading* reading):
    word = take_text(reading)
    if word is None:
        raise ValueError("a text is missing")
    return word


cdef object take_amount(Reading* reading):
    cdef uint8_t kind = take(reading, 1)[0]
    cdef const uint8_t* at
    if kind == SCALED:
        at = take(reading, 12)
        return make_decimal(<int64_t>get64(at + 4), <int32_t>get32(at))
    if kind == SPELLED:
        return decimal_from_text(take_word(reading))
    if kind != NO_AMOUNT:
        raise ValueError(f"an amount of kind {kind}")
    return None


cdef inline object member(tuple members, uint8_t place):
    if place > len(members):
        raise ValueError(f"{place} stands for nothing")
    return members[place - 1] if place else None
