"""The keyword options of every client."""

from __future__ import annotations

import pytest

from spotlane import Credentials, UsageError, open_exchange
from spotlane.exchanges._options import OptionFields, Options

CREDENTIALS = Credentials("mx0key", "secret")


def test_editors_are_told_of_every_option() -> None:
    assert list(OptionFields.__annotations__) == list(Options._fields)


def test_a_misspelled_option_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"no option is named 'timeout'; did you mean 'timeout_s'\?"):
        open_exchange("mexc", CREDENTIALS, timeout=3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout_s": 0}, "timeout_s is from 0.05 to 60 seconds, was 0"),
        ({"connections": 0}, "connections is from 1 to max_connections"),
        ({"connections": 8, "max_connections": 4}, "connections is from 1 to max_connections"),
        ({"transport": "fast"}, "transport is 'lane' or 'plain', was 'fast'"),
        ({"base_url": "http://api.example.com"}, "plain http would show the key on the network"),
        ({"base_url": "https://api.example.com/api"}, "base_url takes no path"),
        ({"base_url": "api.example.com"}, "base_url is a scheme, host and port"),
    ],
)
def test_an_option_that_cannot_work_is_refused_with_what_would(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        open_exchange("mexc", CREDENTIALS, **options)
