"""The tree of errors: what each says of itself, in another process too."""

from __future__ import annotations

import inspect
import pickle
from decimal import Decimal

import pytest

from spotlane import errors
from spotlane.errors import (
    AddressError,
    BudgetExhausted,
    DecodeError,
    ExchangeAPIError,
    HistoryIncomplete,
    OutcomeUnknown,
    PrecisionError,
    RateLimited,
    SpotlaneError,
    TransportError,
    UsageError,
)

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SpotlaneError)]


async def resolver() -> None:
    """Stand for a client's look-up."""


EXAMPLES: list[SpotlaneError] = [
    UsageError("wrong"),
    PrecisionError("too fine", field="price", given=Decimal("1.001"), nearest=Decimal("1.00")),
    HistoryIncomplete("too old", start_ms=1, end_ms=2),
    OutcomeUnknown("in doubt", client_order_id="c", order_id="o", resolver=resolver),
    BudgetExhausted("full", retry_after_s=0.5),
    AddressError("a typo", family="evm", address="0x1", reason="short", nearest="0x2", positions=(3,), fits=("near",)),
    RateLimited("mexc", 429, "too many", 429, hint="slower", retry_after_s=1.0),
    DecodeError("no number", endpoint="order", field="price", excerpt='"price":x'),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_to_another_process(error: SpotlaneError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.args) == (str(error), error.args)
    expected = {name: value for name, value in vars(error).items() if name != "_resolver"}
    assert {name: value for name, value in vars(copy).items() if name != "_resolver"} == expected


async def test_an_outcome_that_left_its_process_can_not_be_resolved_there() -> None:
    copy = pickle.loads(pickle.dumps(EXAMPLES[3]))
    with pytest.raises(OutcomeUnknown, match="check the exchange's own records") as caught:
        await copy.resolve()
    assert (caught.value.client_order_id, caught.value.order_id) == ("c", "o")


def test_only_what_cannot_execute_twice_is_safe_to_retry() -> None:
    safe = {kind.__name__ for kind in KINDS if kind.safe_to_retry}
    transport = {kind.__name__ for kind in KINDS if issubclass(kind, TransportError)}
    assert safe == transport | {"TimestampRejected", "RateLimited"}


def test_every_error_stands_in_the_tree_at_the_top() -> None:
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in errors.__doc__] == []


def test_the_exchanges_words_and_the_remedy_make_one_text() -> None:
    error = ExchangeAPIError("mexc", 700002, "Signature is not valid.", 400, hint="check the secret")
    assert str(error) == "mexc answered 700002 (HTTP 400): Signature is not valid. check the secret"
    assert str(ExchangeAPIError("mexc", None, "gone", 502)) == "mexc answered no code (HTTP 502): gone"
