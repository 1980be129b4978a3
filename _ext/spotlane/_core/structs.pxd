"""What compiled code may see of a struct."""

from spotlane._core.slots cimport (
    DECIMAL, DERIVED, EMPTY, INTEGER, KIND_INTEGER, KIND_MONEY, KIND_OBJECT, OBJECT, Kind, Slot, Tag, _Field, _Layout,
    _Struct, clear_slot, layout_of, new_struct, plain_number, store, take_slot, value_of
)
