"""How orders and trades look on the wire: member names, their order and types as recorded."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

from spotlane.exchanges.gateio.dialect_call import Call, TimeTypes, pair_of
from spotlane.sandbox.matching import Market
from spotlane.sandbox.money import ZERO, decimal_places, exact, plain
from spotlane.sandbox.records import Fill, OrderRecord, OrderView
from spotlane.sandbox.rows import row_text
from spotlane.structs.enums import OrderStatus, OrderType, Side, TimeInForce

# Everything that a RESULT reply leaves out.
_CLEARING = (
    "fee", "fee_currency", "point_fee", "gt_fee", "gt_maker_fee", "gt_taker_fee", "gt_discount", "rebated_fee",
    "rebated_fee_currency",
)  # fmt: skip
_DIVISION = Context(prec=60)


def order_reply(call: Call, view: OrderView, action_mode: str) -> dict[str, object]:
    """Return an order in the shape that action_mode asks for."""
    row = order_row(call, view)
    if action_mode == "FULL":
        return row
    if action_mode == "ACK":
        return {name: row[name] for name in ("id", "text", "amend_text")}
    result = {name: value for name, value in row.items() if name not in _CLEARING}
    result["auto_borrow"] = False
    return result


def order_text(call: Call, view: OrderView) -> str:
    """Return order_row() as JSON."""
    record, kind = view.record, _next_time_type(call)
    notes = call.memory.notes_of(record.order_id)
    listing = call.engine.markets[record.symbol].listing
    basis = (record.request, record.cancel_reason, listing, notes.amend_text, notes.finish_as)
    return row_text(view, kind.value, basis, lambda: _order_row(call, view, kind))


def order_row(call: Call, view: OrderView) -> dict[str, object]:
    """Return an order as queries show it."""
    return _order_row(call, view, _next_time_type(call))


@exact
def _order_row(call: Call, view: OrderView, kind: TimeTypes) -> dict[str, object]:
    record = view.record
    market = call.engine.markets[record.symbol]
    listing = market.listing
    given = record.request.as_received
    amount, left = _sizes(view)
    status, finish_as = _states(call, view)
    updated_ms = view.updated_ms or record.created_ms
    is_sized_in_quote = record.request.quantity is None
    step = listing.tick if is_sized_in_quote else listing.lot
    is_market = record.request.order_type is OrderType.MARKET
    row: dict[str, object] = {
        "id": record.order_id,
        "text": given["text"],
        "amend_text": call.memory.notes_of(record.order_id).amend_text,
        "create_time": str(record.created_ms // 1000),
        "update_time": str(updated_ms // 1000),
        **_times(kind, record.created_ms, updated_ms),
        "status": status,
        "currency_pair": pair_of(record.symbol),
        "type": given["type"],
        "account": given["account"],
        "side": record.side.value.lower(),
        "amount": _padded(call, amount, step),
        "price": "0" if is_market or record.price is None else _padded(call, record.price, listing.tick),
        "biz_info": given["biz_info"],
        "time_in_force": given["time_in_force"],
        "iceberg": given["iceberg"],
        "left": _padded(call, left, step),
    }
    if call.settings.has_filled_amount:
        row["filled_amount"] = plain(view.filled_quantity)
    row["fill_price"] = row["filled_total"] = plain(view.filled_quote_quantity)
    if view.filled_quantity:
        row["avg_deal_price"] = average_price(view.filled_quote_quantity, view.filled_quantity, market)
    row.update(_fees(view, listing.base, listing.quote))
    row["finish_as"] = finish_as
    if call.settings.stp_id:
        row["stp_id"] = call.settings.stp_id
        row["stp_act"] = given["stp_act"]
    return row


def trade_text(call: Call, fill: Fill) -> str:
    """Return a fill as JSON; its milliseconds are a text with six decimals."""
    record = call.engine.find(fill.account, fill.symbol, fill.order_id, None)
    text = "" if record is None else record.request.as_received["text"]
    amend_text = call.memory.notes_of(fill.order_id).amend_text
    return row_text(fill, None, (text, amend_text), lambda: _trade_row(fill, text, amend_text))


def _trade_row(fill: Fill, text: str, amend_text: str) -> dict[str, object]:
    return {
        "id": str(fill.trade_id),
        "create_time": str(fill.time_ms // 1000),
        "create_time_ms": f"{fill.time_ms}.{fill.trade_id % 1_000_000:06d}",
        "currency_pair": pair_of(fill.symbol),
        "side": fill.side.value.lower(),
        "role": "maker" if fill.is_maker else "taker",
        "amount": plain(fill.quantity),
        "price": plain(fill.price),
        "order_id": fill.order_id,
        "fee": plain(fill.fee),
        "fee_currency": fill.fee_asset,
        "point_fee": "0",
        "gt_fee": "0",
        "amend_text": amend_text,
        "sequence_id": str(fill.trade_id),
        "text": text,
        "deal": plain(fill.quote_quantity),
    }


def average_price(quote_quantity: Decimal, quantity: Decimal, market: Market) -> str:
    """Return the average price, rounded to the decimals of a price."""
    average = _DIVISION.divide(quote_quantity, quantity)
    places = Decimal(1).scaleb(-decimal_places(market.listing.tick))
    return plain(average.quantize(places, rounding=ROUND_HALF_UP, context=_DIVISION))


def _sizes(view: OrderView) -> tuple[Decimal, Decimal]:
    """Return the size and what is left of it; both in quote for an order that was sized in quote."""
    request = view.record.request
    if request.quantity is None:
        size = request.quote_quantity or ZERO
        return size, size - view.filled_quote_quantity
    return request.quantity, max(request.quantity - view.filled_quantity, ZERO)


def _states(call: Call, view: OrderView) -> tuple[str, str]:
    """Return status and finish_as."""
    if not view.status.is_terminal:
        return "open", "open"
    record = view.record
    if view.status is OrderStatus.FILLED:
        return "closed", "filled"
    is_market = record.request.order_type is OrderType.MARKET
    if record.cancel_reason == "stp_cancel":
        return "cancelled", "stp"
    if is_market and call.settings.market_orders_close and view.filled_quantity:
        return "closed", "filled"
    noted = call.memory.notes_of(record.order_id).finish_as
    if noted is not None:
        return "cancelled", noted
    if record.request.time_in_force is TimeInForce.FOK:
        return "cancelled", "fok"
    if is_market:
        return "cancelled", "depth_not_enough"
    return "cancelled", "ioc" if record.request.time_in_force is TimeInForce.IOC else "cancelled"


def _fees(view: OrderView, base: str, quote: str) -> dict[str, object]:
    asset, other = (base, quote) if view.record.side is Side.BUY else (quote, base)
    return {
        "fee": plain(sum((fill.fee for fill in _fills_of(view)), ZERO)),
        "fee_currency": asset,
        "point_fee": "0",
        "gt_fee": "0",
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": other,
    }


def _fills_of(view: OrderView) -> Iterable[Fill]:
    """Yield the fills that a view of the past includes."""
    seen = ZERO
    for fill in view.record.fills:
        if seen >= view.filled_quantity:
            return
        seen += fill.quantity
        yield fill


def _next_time_type(call: Call) -> TimeTypes:
    """Return how the times of the next row are written."""
    kind = TimeTypes(call.settings.time_types)
    if kind is TimeTypes.DRIFTING:
        kinds = (TimeTypes.INTEGER, TimeTypes.TEXT, TimeTypes.FRACTION)
        kind = kinds[call.memory.rows_written % len(kinds)]
    call.memory.rows_written += 1
    return kind


def _times(kind: TimeTypes, created_ms: int, updated_ms: int) -> dict[str, object]:
    times = {"create_time_ms": created_ms, "update_time_ms": updated_ms}
    if kind is TimeTypes.TEXT:
        return {name: str(value) for name, value in times.items()}
    if kind is TimeTypes.FRACTION:
        # A binary float holds milliseconds of this century and an eighth exactly.
        return {name: value + 0.125 for name, value in times.items()}
    return dict(times)


def _padded(call: Call, value: Decimal, step: Decimal) -> str:
    places = decimal_places(step)
    if not call.settings.pad_decimals or decimal_places(value) > places:
        return plain(value)
    return format(value, f".{places}f")


def state_of(record: OrderRecord) -> OrderView:
    """Return an order as it stands now."""
    return record.views[-1]
