"""Orders and trades that are asked for, and the dead-man switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from spotlane.exchanges.gateio.dialect_call import Call, Fields, Refusal, TimeTypes, invalid, missing, pair_of
from spotlane.exchanges.gateio.dialect_orders import is_client_id, not_found
from spotlane.exchanges.gateio.dialect_wire import order_row, order_text, trade_text
from spotlane.sandbox.engine import DAY_MS
from spotlane.sandbox.records import OrderView
from spotlane.sandbox.rows import Rows, to_json

_MAX_ROWS = 1000
_MAX_OPEN_ROWS = 100
_DEFAULT_ROWS = 100
_MAX_SKIPPED = 100_000
_TRADE_DAYS, _MAX_TRADE_DAYS = 7, 30
_MIN_COUNTDOWN_S = 5
_Row = TypeVar("_Row")


def get_order(call: Call) -> object:
    """GET orders/{id}: by id, or by text while it is open; the pair may be left out for an order that is done."""
    query = call.query
    call.check_account(query)
    order_id, pair = call.argument, query.text("currency_pair")
    if pair is None and is_client_id(order_id):
        raise missing("currency_pair")
    symbols = list(call.engine.markets) if pair is None else [call.symbol(pair)]
    ids = (None, order_id) if is_client_id(order_id) else (order_id, None)
    for symbol in symbols:
        view = call.engine.order(call.account, symbol, *ids)
        if view is not None and (pair is not None or view.status.is_terminal):
            return order_row(call, view)
    raise not_found(order_id)


def get_orders(call: Call) -> object:
    """GET orders: open ones of a pair, or finished ones by the time they ended; newest first."""
    query = call.query
    call.check_account(query)
    is_open = query.choice("status", ("open", "finished")) == "open"
    pair = query.text("currency_pair")
    if is_open and pair is None:
        raise missing("currency_pair")
    symbols = list(call.engine.markets) if pair is None else [call.symbol(pair)]
    if is_open:
        views = call.engine.open_orders(call.account, symbols)
        return Rows(order_text(call, view) for view in _page(query, views[::-1], _MAX_OPEN_ROWS))
    return Rows(order_text(call, view) for view in _page(query, _finished(call, query, symbols), _MAX_ROWS))


def get_open_orders(call: Call) -> object:
    """GET open_orders: every pair that has any; pages are made within each pair."""
    query = call.query
    call.check_account(query)
    by_pair: dict[str, list[OrderView]] = {}
    for view in reversed(call.engine.open_orders(call.account)):
        by_pair.setdefault(pair_of(view.record.symbol), []).append(view)
    rows = []
    for pair, views in by_pair.items():
        orders = [order_text(call, view) for view in _page(query, views, _MAX_OPEN_ROWS)]
        head = to_json({"currency_pair": pair, "total": len(orders)})
        rows.append(f'{head[:-1]},"orders":{Rows(orders).text}}}')
    return Rows(rows)


def get_trades(call: Call) -> object:
    """GET my_trades: the last seven days unless told otherwise, thirty days at once at most; newest first."""
    query = call.query
    pair, order_id = query.text("currency_pair"), query.text("order_id")
    if order_id is not None and pair is None:
        raise missing("currency_pair")
    first_ms, last_ms = _trade_window(call, query)
    symbols = list(call.engine.markets) if pair is None else [call.symbol(pair)]
    fills = [
        fill for symbol in symbols for fill in call.engine.trades(call.account, symbol, first_ms, last_ms, order_id)
    ]
    fills.sort(key=lambda fill: fill.trade_id, reverse=True)
    return Rows(trade_text(call, fill) for fill in _page(query, fills, _MAX_ROWS))


def countdown_cancel_all(call: Call) -> object:
    """POST countdown_cancel_all: arms, extends or (0) disarms the timer of one pair, or the one of all pairs."""
    body = call.body
    timeout_s = body.integer("timeout")
    if timeout_s is None:
        raise missing("timeout")
    if 0 < timeout_s < _MIN_COUNTDOWN_S:
        raise invalid("timeout")
    pair = body.text("currency_pair")
    symbols = None if pair is None else [call.symbol(pair)]
    memory, account, engine = call.memory, call.account, call.engine
    memory.countdown_count += 1
    number, slot = memory.countdown_count, (account, pair)
    memory.countdowns[slot] = number

    def fire() -> None:
        if memory.countdowns.get(slot) == number:
            del memory.countdowns[slot]
            engine.cancel_all(account, symbols)

    if timeout_s:
        engine.after(timeout_s * 1000, fire)
    trigger_ms = call.now_ms + timeout_s * 1000 if timeout_s else 0
    as_text = TimeTypes(call.settings.time_types) is TimeTypes.TEXT
    return {"triggerTime": str(trigger_ms) if as_text else trigger_ms}


def _finished(call: Call, query: Fields, symbols: list[str]) -> list[OrderView]:
    first_s, last_s = query.integer("from"), query.integer("to")
    first_ms = 0 if first_s is None else first_s * 1000
    last_ms = call.now_ms if last_s is None else last_s * 1000 + 999
    side = None if query.text("side") is None else query.choice("side", ("buy", "sell"))
    views = [
        view
        for symbol in symbols
        for view in call.engine.finished_orders(call.account, symbol, first_ms, last_ms)
        if side in (None, view.record.side.value.lower())
    ]
    views.sort(key=lambda view: (view.updated_ms or view.record.created_ms, view.record.number), reverse=True)
    return views


def _trade_window(call: Call, query: Fields) -> tuple[int, int]:
    first_s, last_s = query.integer("from"), query.integer("to")
    if first_s is None:
        last_ms = call.now_ms if last_s is None else last_s * 1000 + 999
        return last_ms - _TRADE_DAYS * DAY_MS, last_ms
    first_ms = first_s * 1000
    if last_s is None:
        return first_ms, first_ms + _TRADE_DAYS * DAY_MS
    if last_s - first_s > _MAX_TRADE_DAYS * DAY_MS // 1000:
        raise Refusal("INVALID_PARAM_VALUE", f"time range can not exceed {_MAX_TRADE_DAYS} days")
    return first_ms, last_s * 1000 + 999


def _page(query: Fields, rows: Sequence[_Row], most: int) -> Sequence[_Row]:
    limit, page = query.integer("limit"), query.integer("page")
    limit = _DEFAULT_ROWS if limit is None else limit
    page = 1 if page is None else page
    if not 1 <= limit <= most:
        raise invalid("limit")
    skipped = limit * (page - 1)
    if page < 1 or skipped > _MAX_SKIPPED:
        raise invalid("page")
    return rows[skipped : skipped + limit]
