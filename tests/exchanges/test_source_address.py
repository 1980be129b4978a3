"""A key that is bound to one address of a machine with several: used from there, and refused from elsewhere."""

from __future__ import annotations

import pickle
import sys

import pytest
from mexc_rig import key_of, resting

from spotlane import open_exchange
from spotlane.errors import IpNotAllowed
from spotlane.sandbox import Sandbox

HERE = "127.0.0.2"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")


# MEXC and Binance do not tell the address; docs/secrets.md.
@pytest.mark.parametrize(("name", "seen"), [("gateio", "127.0.0.1"), ("mexc", None), ("binance", None)])
@pytest.mark.parametrize("transport", ["lane", "plain"])
async def test_a_client_sends_from_the_address_that_it_is_given(name: str, seen: str | None, transport: str) -> None:
    async with Sandbox(name, rate_limits=False) as venue:
        key = key_of(venue.dialect.add_key(ip_allow_list=[HERE]))
        options = {"base_url": venue.url, "enforce_limits": False, "connections": 1, "transport": transport}
        async with open_exchange(name, key, source_address=HERE, **options) as exchange:
            await exchange.place_order(resting())
            await exchange.dead_man(60.0)
            await exchange.dead_man(None)
        async with open_exchange(name, key, **options) as exchange:
            with pytest.raises(IpNotAllowed) as refusal:
                await exchange.place_order(resting())
        assert refusal.value.address == seen
        assert pickle.loads(pickle.dumps(refusal.value)).address == seen
        assert len(venue.ledger.orders()) == 1
