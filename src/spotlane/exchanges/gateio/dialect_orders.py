"""Orders that are placed, amended and cancelled, one by one and in batches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from spotlane.exchanges.gateio.dialect_call import Call, Fields, Refusal, invalid, missing
from spotlane.exchanges.gateio.dialect_wire import order_reply, state_of
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import floor_to, is_multiple, plain
from spotlane.sandbox.records import OrderRecord, OrderRequest, Reason, Refused, SelfTrade
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce

_CLIENT_ID = re.compile(r"t-[0-9A-Za-z_.-]{1,28}", re.ASCII)
_DEFAULT_TEXT = "apiv4"
_MAX_PAIRS, _MAX_ORDERS_OF_A_PAIR = 4, 10
_MAX_AMENDED, _MAX_CANCELED = 5, 20
_MAX_AMEND_TEXT = 31
_CANCEL_BY_TEXT_MS = 30 * 60_000
_MODES = ("ACK", "RESULT", "FULL")
_TIMES_IN_FORCE = {
    "gtc": (OrderType.LIMIT, TimeInForce.GTC),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
    "poc": (OrderType.LIMIT_MAKER, TimeInForce.GTC),
}
_STP_ACTS = {"cn": SelfTrade.CANCEL_TAKER, "co": SelfTrade.CANCEL_MAKER, "cb": SelfTrade.CANCEL_BOTH}
_LATER = ("stop_profit", "stop_loss", "auto_borrow", "auto_repay", "trade_quote")
_REASONS = {
    Reason.UNKNOWN_SYMBOL: ("INVALID_CURRENCY_PAIR", "Invalid currency pair"),
    Reason.TRADING_PAUSED: ("INVALID_PARAM_VALUE", "Trading of this currency pair is disabled"),
    Reason.API_CLOSED: ("INVALID_PARAM_VALUE", "Trading of this currency pair is disabled"),
    Reason.SIDE_CLOSED: ("INVALID_PARAM_VALUE", "This currency pair is not open for this side"),
    Reason.TYPE_CLOSED: ("INVALID_PARAM_VALUE", "This order type is not open for the currency pair"),
    Reason.MALFORMED: ("INVALID_PARAM_VALUE", "invalid argument: amount or price"),
    Reason.PRICE_PRECISION: ("INVALID_PRECISION", "price has too many decimals"),
    Reason.QUANTITY_PRECISION: ("INVALID_PRECISION", "amount has too many decimals"),
    Reason.QUANTITY_TOO_LARGE: ("AMOUNT_TOO_MUCH", "amount is above the maximum"),
    Reason.NOTIONAL_TOO_LARGE: ("AMOUNT_TOO_MUCH", "order value is above the maximum"),
    Reason.PRICE_OUTSIDE_BAND: ("PRICE_THRESHOLD_EXCEEDED", "price is outside the allowed range"),
    Reason.TOO_MANY_ORDERS: ("TOO_MANY_ORDERS", "Too many open orders"),
    Reason.INSUFFICIENT_BALANCE: ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    Reason.NO_COUNTERPARTY: ("ORDER_BOOK_NOT_FOUND", "Insufficient liquidity"),
    Reason.WOULD_TAKE: ("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"),
    Reason.FOK_UNFILLED: ("FOK_NOT_FILL", "Order cannot be filled completely"),
    Reason.DUPLICATE_CLIENT_ID: ("REPEATED_CREATION", "repeated creation"),
    Reason.NO_CHANGE: ("NO_CHANGE", "No change is made"),
}
_TOO_SMALL = (Reason.QUANTITY_TOO_SMALL, Reason.NOTIONAL_TOO_SMALL)
# The engine's verdicts that an early acknowledgement does not wait for.
_UNSEEN_BY_ACK = (Reason.INSUFFICIENT_BALANCE, Reason.WOULD_TAKE, Reason.FOK_UNFILLED, Reason.NO_COUNTERPARTY)
_EARLY_ID_BASE = 990_000_000_000
_ID_BASE = 376_835_979_523


def format_order_id(number: int) -> str:
    """Return the exchange's order id: digits."""
    return str(_ID_BASE + number)


def pair_to_count(call: Call) -> str:
    """Return the pair whose bucket a placing or amending request is counted in; "" where none can be read."""
    try:
        pair = call.body.text("currency_pair") or call.query.text("currency_pair")
    except Refusal:
        return ""
    return pair or ""


def place_order(call: Call) -> object:
    """POST orders: the order in the shape of action_mode."""
    fields = call.body
    return _placed(call, fields, fields.choice("action_mode", _MODES, "FULL"))


def place_batch(call: Call) -> object:
    """POST batch_orders: one element for each order; a refused one carries its label."""
    items = call.items
    if any(item.text("text") is None for item in items):
        raise missing("text")
    per_pair = Counter(item.required("currency_pair") for item in items)
    if len(per_pair) > _MAX_PAIRS:
        raise Refusal("TOO_MANY_CURRENCY_PAIRS", f"At most {_MAX_PAIRS} currency pairs are allowed")
    if max(per_pair.values()) > _MAX_ORDERS_OF_A_PAIR:
        raise Refusal("TOO_MANY_ORDERS", f"At most {_MAX_ORDERS_OF_A_PAIR} orders of a currency pair are allowed")
    if len({item.text("account") or "spot" for item in items}) > 1:
        raise Refusal("MIXED_ACCOUNT_TYPE", "All orders of a batch must be of one account")

    def place(item: Fields) -> dict[str, object]:
        call.take_place(item.required("currency_pair"))
        return _placed(call, item, item.choice("action_mode", _MODES, "FULL"))

    return [_item(place, item, {"text": item.values["text"]}) for item in items]


def amend_order(call: Call) -> object:
    """PATCH orders/{id}: currency_pair and account from the body, else from the query."""
    body, query = call.body, call.query
    merged = Fields({**query.values, **body.values})
    return _amended(call, call.argument, merged)


def amend_batch(call: Call) -> object:
    """POST amend_batch_orders: one after the other, in order; a refused one does not stop the rest."""
    items = call.items
    if len(items) > _MAX_AMENDED:
        raise Refusal("TOO_MANY_ORDERS", f"At most {_MAX_AMENDED} orders can be amended at once")

    def amend(item: Fields) -> dict[str, object]:
        call.take_place(item.required("currency_pair"))
        return _amended(call, item.required("order_id"), item)

    return [_item(amend, item, {"order_id": item.values.get("order_id")}) for item in items]


def cancel_order(call: Call) -> object:
    """DELETE orders/{id}: the order with its final fills."""
    query = call.query
    call.check_account(query)
    mode = query.choice("action_mode", _MODES, "FULL")
    record = _canceled(call, call.symbol(query.required("currency_pair")), call.argument)
    return order_reply(call, state_of(record), mode)


def cancel_orders(call: Call) -> object:
    """DELETE orders: every open order, of one pair and side where given."""
    query = call.query
    call.check_account(query)
    mode = query.choice("action_mode", _MODES, "FULL")
    pair = query.text("currency_pair")
    side = None if query.text("side") is None else _side(query)
    symbol = None if pair is None else call.symbol(pair)
    views = call.engine.cancel_all(call.account, None if symbol is None else [symbol], side)
    return [
        {**order_reply(call, state_of(view.record), mode), "succeeded": True, "label": "", "message": ""}
        for view in views
    ]


def cancel_batch(call: Call) -> object:
    """POST cancel_batch_orders: by id or by text, the text within half an hour of the order's creation."""
    items = call.items
    if len(items) > _MAX_CANCELED:
        raise Refusal("TOO_MANY_ORDERS", f"At most {_MAX_CANCELED} orders can be cancelled at once")
    rows: list[dict[str, object]] = []
    for item in items:
        pair, order_id = item.required("currency_pair"), item.required("id")
        row: dict[str, object] = {"currency_pair": pair, "id": order_id}
        try:
            call.take_cancel()
            call.check_account(item)
            record = _canceled(call, call.symbol(pair), order_id, max_age_ms=_CANCEL_BY_TEXT_MS)
            row["id"], row["text"] = record.order_id, record.request.as_received["text"]
            row.update(succeeded=True, label=None, message=None)
        except Refusal as refusal:
            row.update(succeeded=False, label=refusal.label, message=refusal.message)
        rows.append({**row, "account": "spot"})
    return rows


def is_client_id(order_id: str) -> bool:
    """Tell whether an order is named by the caller's own text."""
    return order_id.startswith("t-")


def not_found(order_id: str) -> Refusal:
    """Return the refusal for an order that can't be seen under this id or text."""
    if is_client_id(order_id):
        return Refusal("CLIENT_ID_NOT_FOUND", f"Order with client ID {order_id} not found", status=404)
    return Refusal("ORDER_NOT_FOUND", "Order not found", status=404)


def find_order(call: Call, symbol: str, order_id: str) -> OrderRecord | None:
    """Return an order by id or text as it really stands; by text only while it is open, unless settings say else."""
    if not is_client_id(order_id):
        return call.engine.find(call.account, symbol, order_id, None)
    record = call.engine.find(call.account, symbol, None, order_id)
    if record is None or record.is_open or call.engine.settings.finds_finished:
        return record
    return None


def _item(act: Callable[[Fields], dict[str, object]], item: Fields, failed: dict[str, object]) -> dict[str, object]:
    try:
        row = act(item)
    except Refusal as refusal:
        return {**failed, "succeeded": False, "label": refusal.label, "message": refusal.message}
    for name in ("gt_maker_fee", "gt_taker_fee"):
        row.pop(name, None)
    return {"order_id": row["id"], **row, "succeeded": True, "label": "", "message": ""}


def _placed(call: Call, fields: Fields, mode: str) -> dict[str, object]:
    request = _request(call, fields)
    try:
        record = call.engine.place(request)
    except Refused as refused:
        if mode == "ACK" and call.settings.ack_is_early and refused.reason in _UNSEEN_BY_ACK:
            call.memory.early_acks += 1
            order_id = str(_EARLY_ID_BASE + call.memory.early_acks)
            return {"id": order_id, "text": request.as_received["text"], "amend_text": "-"}
        raise _refusal(call, refused, request) from None
    if request.order_type is OrderType.LIMIT_MAKER and not record.is_open:
        call.memory.notes_of(record.order_id).finish_as = "poc"
    return order_reply(call, state_of(record), mode)


def _amended(call: Call, order_id: str, fields: Fields) -> dict[str, object]:
    call.check_account(fields)
    mode = fields.choice("action_mode", _MODES, "FULL")
    pair = fields.required("currency_pair")
    symbol = call.symbol(pair)
    quantity, price = fields.decimal("amount"), fields.decimal("price")
    if quantity is None and price is None:
        raise missing("amount or price")
    amend_text = fields.text("amend_text")
    if amend_text is not None and len(amend_text) > _MAX_AMEND_TEXT:
        raise invalid("amend_text")
    for name in ("stop_profit", "stop_loss"):
        if fields.values.get(name):
            raise invalid(name)
    record = find_order(call, symbol, order_id)
    if record is None:
        raise not_found(order_id)
    try:
        call.engine.amend(call.account, symbol, record.order_id, quantity=quantity, price=price)
    except Refused as refused:
        if refused.reason is Reason.UNKNOWN_ORDER:
            raise _finished(record, order_id) from None
        raise _refusal(call, refused, record.request) from None
    if amend_text is not None:
        call.memory.notes_of(record.order_id).amend_text = amend_text
    return order_reply(call, state_of(record), mode)


def _canceled(call: Call, symbol: str, order_id: str, *, max_age_ms: int | None = None) -> OrderRecord:
    record = find_order(call, symbol, order_id)
    is_stale = (
        record is not None
        and max_age_ms is not None
        and is_client_id(order_id)
        and call.now_ms - record.created_ms > max_age_ms
    )
    if record is None or is_stale:
        raise not_found(order_id)
    try:
        call.engine.cancel(call.account, symbol, record.order_id)
    except Refused:
        raise _finished(record, order_id) from None
    return record


def _finished(record: OrderRecord, order_id: str) -> Refusal:
    if record.is_open:
        return not_found(order_id)
    if record.status is OrderStatus.FILLED:
        return Refusal("ORDER_CLOSED", "Order is already closed")
    return Refusal("ORDER_CANCELLED", "Order is already cancelled")


def _request(call: Call, fields: Fields) -> OrderRequest:
    pair = fields.required("currency_pair")
    market = call.market(pair)
    if not call.owner.may_trade(market.listing.symbol):
        raise Refusal("FORBIDDEN", f"Request API key is not open for {pair}", status=403)
    call.check_account(fields)
    side = _side(fields)
    kind = fields.choice("type", ("limit", "market"), "limit")
    time_text = fields.choice("time_in_force", tuple(_TIMES_IN_FORCE), "gtc")
    if kind == "market" and time_text not in ("ioc", "fok"):
        raise invalid("time_in_force")
    for name in _LATER:
        if fields.values.get(name):
            raise invalid(name)
    text = fields.text("text") or _DEFAULT_TEXT
    if text != _DEFAULT_TEXT and not _CLIENT_ID.fullmatch(text):
        raise invalid("text")
    stp_text = fields.text("stp_act")
    quantity, quote_quantity, price = _size(call, fields, market, side, is_market=kind == "market")
    channel = call.request.headers.get("x-gate-channel-id")
    order_type, time_in_force = _TIMES_IN_FORCE[time_text]
    return OrderRequest(
        account=call.account,
        symbol=market.listing.symbol,
        side=side,
        order_type=OrderType.MARKET if kind == "market" else order_type,
        time_in_force=time_in_force,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=price,
        client_order_id=None if text == _DEFAULT_TEXT else text,
        self_trade=_self_trade(call, stp_text),
        as_received={
            "text": text,
            "type": kind,
            "time_in_force": time_text,
            "account": call.accounts[-1],
            "iceberg": _iceberg(fields, market, quantity),
            "stp_act": stp_text or ("cn" if call.settings.stp_id else "-"),
            "biz_info": f"ch:{channel}" if channel else "-",
        },
    )


def _side(fields: Fields) -> Side:
    return Side[fields.choice("side", ("buy", "sell")).upper()]


def _self_trade(call: Call, stp_text: str | None) -> SelfTrade:
    if stp_text in (None, "-") and not call.settings.stp_id:
        return SelfTrade.ALLOW
    if not call.settings.stp_id or (stp_text or "cn") not in _STP_ACTS:
        raise invalid("stp_act")
    return _STP_ACTS[stp_text or "cn"]


def _iceberg(fields: Fields, market: Market, quantity: Decimal | None) -> str:
    shown = fields.decimal("iceberg")
    if not shown:
        return "0"
    if quantity is None or shown > quantity:
        raise invalid("iceberg")
    if not is_multiple(shown, market.listing.lot):
        raise Refusal("INVALID_PRECISION", "iceberg has too many decimals")
    return plain(shown)


def _size(
    call: Call, fields: Fields, market: Market, side: Side, *, is_market: bool
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return base size, quote size and (worst) price; `amount` of a market buy is in quote."""
    listing = market.listing
    amount = fields.decimal("amount")
    if amount is None:
        raise missing("amount")
    truncates = call.settings.truncate_precision
    if is_market:
        slippage = fields.decimal("slippage")
        if slippage is None:
            slippage = call.settings.market_slippage
        worst = None
        if market.last_price is not None:
            away = slippage if side is Side.BUY else -slippage
            worst = max(floor_to(market.last_price * (1 + away), listing.tick), listing.tick)
        if side is Side.BUY:
            return None, amount, worst
        return floor_to(amount, listing.lot) if truncates else amount, None, worst
    price = fields.decimal("price")
    if price is None:
        raise missing("price")
    if truncates:
        amount, price = floor_to(amount, listing.lot), floor_to(price, listing.tick)
    return amount, None, price


def _refusal(call: Call, refused: Refused, request: OrderRequest) -> Refusal:
    if refused.reason not in _TOO_SMALL:
        label, text = _REASONS[refused.reason]
        return Refusal(label, text)
    market = call.engine.markets[request.symbol]
    size = request.quantity
    if refused.reason is Reason.NOTIONAL_TOO_SMALL:
        price = market.last_price if request.order_type is OrderType.MARKET else request.price
        size = request.quote_quantity or (request.quantity or Decimal(0)) * (price or Decimal(0))
    return Refusal(
        "INVALID_PARAM_VALUE",
        f"Your order size {plain(size or Decimal(0))} {refused.asset} is too small. "
        f"The minimum is {plain(refused.limit or Decimal(0))} {refused.asset}",
    )
