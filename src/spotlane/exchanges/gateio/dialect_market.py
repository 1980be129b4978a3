"""Exchange rules, time, fees, and the account's own figures."""

from __future__ import annotations

from decimal import Decimal

from spotlane.exchanges.gateio.dialect_access import READ_SUFFIX
from spotlane.exchanges.gateio.dialect_call import Call, Refusal, missing, pair_of
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import decimal_places, plain
from spotlane.structs.enums import Side

_MAX_FEE_PAIRS = 50
_TRADE_STATUSES = {
    frozenset(Side): "tradable", frozenset({Side.BUY}): "buyable", frozenset({Side.SELL}): "sellable",
}  # fmt: skip


def server_time(call: Call) -> object:
    """GET spot/time: milliseconds."""
    return {"server_time": call.now_ms}


def currency_pairs(call: Call) -> object:
    """GET spot/currency_pairs."""
    return [_pair(call, market) for market in call.engine.markets.values()]


def currency_pair(call: Call) -> object:
    """GET spot/currency_pairs/{pair}."""
    return _pair(call, call.market(call.argument))


def _pair(call: Call, market: Market) -> dict[str, object]:
    listing = market.listing
    is_closed = not listing.is_online or not listing.is_open_to_api
    row: dict[str, object] = {
        "id": pair_of(listing.symbol),
        "base": listing.base,
        "base_name": listing.full_name or listing.base,
        "quote": listing.quote,
        "quote_name": listing.quote,
        # In percent, as everywhere in this object and nowhere else.
        "fee": plain(listing.taker_fee * 100),
    }
    if listing.min_quantity:
        row["min_base_amount"] = plain(listing.min_quantity)
    if listing.max_quantity is not None:
        row["max_base_amount"] = plain(listing.max_quantity)
    row.update(
        min_quote_amount=plain(listing.min_notional),
        max_quote_amount=plain(listing.max_notional),
        amount_precision=decimal_places(listing.lot),
        precision=decimal_places(listing.tick),
        trade_status="untradable" if is_closed else _TRADE_STATUSES.get(listing.sides, "untradable"),
        sell_start=0,
        buy_start=0,
        delisting_time=0,
        type="normal",
        trade_url=f"https://www.gate.com/trade/{pair_of(listing.symbol)}",
        st_tag=False,
    )
    if listing.price_band is not None:
        row["up_rate"], row["down_rate"] = map(plain, listing.price_band)
    row["slippage"] = plain(call.settings.market_slippage)
    row["market_order_max_stock"] = "0"
    row["market_order_max_money"] = plain(listing.max_market_notional)
    return row


def currencies(call: Call) -> object:
    """GET spot/currencies."""
    return [_currency(call, asset) for asset in _assets(call)]


def currency(call: Call) -> object:
    """GET spot/currencies/{currency}."""
    if call.argument not in _assets(call):
        raise Refusal("INVALID_CURRENCY", "Invalid currency")
    return _currency(call, call.argument)


def _assets(call: Call) -> list[str]:
    names = dict.fromkeys(network.asset for network in call.engine.wallet.networks.values())
    for market in call.engine.markets.values():
        names.update(dict.fromkeys((market.listing.base, market.listing.quote)))
    return list(names)


def _currency(call: Call, asset: str) -> dict[str, object]:
    networks = call.engine.wallet.networks_of(asset)
    markets = [m for m in call.engine.markets.values() if asset in (m.listing.base, m.listing.quote)]
    return {
        "currency": asset,
        "name": next((m.listing.full_name for m in markets if m.listing.base == asset), asset) or asset,
        "delisted": False,
        "withdraw_disabled": not any(network.withdraw_enabled for network in networks),
        "withdraw_delayed": False,
        "deposit_disabled": not any(network.deposit_enabled for network in networks),
        "trade_disabled": not any(m.listing.is_online for m in markets),
        "fixed_rate": "",
        "chain": networks[0].code if networks else "",
        "chains": [
            {
                "name": network.code,
                "addr": network.contract,
                "withdraw_disabled": not network.withdraw_enabled,
                "withdraw_delayed": False,
                "deposit_disabled": not network.deposit_enabled,
            }
            for network in networks
        ],
    }


def nothing_listed(call: Call) -> object:
    """Answer that there are no margin pairs and no contracts; clients that load every market at once ask for them."""
    return []


def accounts(call: Call) -> object:
    """GET spot/accounts: currencies that were ever held, also those of which nothing is left."""
    wanted = call.query.text("currency")
    version = len(call.engine.ledger.events)
    return [
        {
            "currency": asset,
            "available": plain(holding.available),
            "locked": plain(holding.locked),
            "update_id": version,
        }
        for asset, holding in sorted(call.engine.balances(call.account).items())
        if wanted in (None, asset)
    ]


def fee(call: Call) -> object:
    """GET wallet/fee and spot/fee: fractions; of the first pair where none is given."""
    pair = call.query.text("currency_pair")
    market = next(iter(call.engine.markets.values())) if pair is None else call.market(pair)
    return _fee(call, market, pair)


def batch_fee(call: Call) -> object:
    """GET spot/batch_fee: up to fifty pairs."""
    given = call.query.text("currency_pairs")
    if given is None:
        raise missing("currency_pairs")
    pairs = given.split(",")
    if len(pairs) > _MAX_FEE_PAIRS:
        raise Refusal("TOO_MANY_CURRENCY_PAIRS", f"At most {_MAX_FEE_PAIRS} currency pairs are allowed")
    return {pair: _fee(call, call.market(pair), pair) for pair in pairs}


def _fee(call: Call, market: Market, pair: str | None) -> dict[str, object]:
    row: dict[str, object] = {
        "user_id": call.settings.user_id,
        "taker_fee": plain(market.listing.taker_fee),
        "maker_fee": plain(market.listing.maker_fee),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": plain(Decimal("0.18")),
        "point_type": "0",
        "debit_fee": 3,
    }
    if pair is not None:
        row["currency_pair"] = pair
    return row


def account_detail(call: Call) -> object:
    """GET account/detail."""
    key = call.owner
    return {
        "user_id": call.settings.user_id,
        "ip_whitelist": sorted(key.ip_allow_list),
        "currency_pairs": [] if key.symbols is None else sorted(map(pair_of, key.symbols)),
        "tier": 0,
        "key": {"mode": _mode(call)},
        "copy_trading_role": 0,
    }


def main_keys(call: Call) -> object:
    """GET account/main_keys: what this key may do."""
    key = call.owner
    return {
        "state": 1,
        "mode": _mode(call),
        "user_id": call.settings.user_id,
        "ip_whitelist": sorted(key.ip_allow_list),
        "currency_pairs": [] if key.symbols is None else sorted(map(pair_of, key.symbols)),
        "perms": [
            {"name": group.removesuffix(READ_SUFFIX), "read_only": group.endswith(READ_SUFFIX)}
            for group in sorted(key.permissions)
        ],
        "key": {"mode": _mode(call)},
        "created_at": str(key.created_ms // 1000),
        "updated_at": str(key.created_ms // 1000),
        "last_access": str(call.now_ms // 1000),
    }


def _mode(call: Call) -> int:
    return 2 if call.settings.unified_account else 1
