"""Money that is moved between the spot account and the accounts that the sandbox only keeps the balance of."""

from __future__ import annotations

from spotlane.exchanges.gateio.dialect_call import Call, Refusal, invalid, missing
from spotlane.sandbox.money import decimal_places, plain
from spotlane.sandbox.records import Refused

_SPOT = "spot"
_ACCOUNTS = (_SPOT, "margin", "futures", "delivery", "options")
_MAX_DECIMALS = 8
_ID_BASE = 59_636_381_285


def transfer(call: Call) -> object:
    """POST wallet/transfers: one side is the spot account; the same request twice moves the money twice."""
    body = call.body
    asset, amount = body.required("currency"), body.decimal("amount")
    source, target = body.choice("from", _ACCOUNTS), body.choice("to", _ACCOUNTS)
    if source == target or _SPOT not in (source, target):
        raise invalid("to")
    if not amount:
        raise invalid("amount")
    if decimal_places(amount) > _MAX_DECIMALS:
        raise Refusal("INVALID_PRECISION", "amount has too many decimals")
    if asset not in call.engine.accounts.assets():
        raise Refusal("INVALID_CURRENCY", "Invalid currency")
    part = ""
    if "margin" in (source, target):
        part = body.required("currency_pair")
        call.market(part)
    elif "options" not in (source, target):
        part = body.text("settle") or ""
        if not part:
            raise missing("settle")
    call.engine.settle("wallet")
    try:
        call.engine.accounts.move(asset, amount, source=_name(call, source, part), target=_name(call, target, part))
    except Refused:
        raise Refusal("BALANCE_NOT_ENOUGH", "Not enough balance") from None
    number = _ID_BASE + len(call.memory.transfers) + 1
    call.memory.transfers[str(number)] = (
        call.account,
        {
            "tx_id": str(number),
            "status": "success",
            "currency": asset,
            "amount": plain(amount),
            "from_account": source,
            "to_account": target,
            "currency_pair": part if "margin" in (source, target) else "",
            "settle": "" if "margin" in (source, target) else part,
        },
    )
    call.engine.ledger.append(
        call.now_ms, "transferred", call.account, asset=asset, amount=amount, source=source, target=target
    )
    return {"tx_id": number}


def get_transfer(call: Call) -> object:
    """GET wallet/transfers: one transfer by its id, which is text here."""
    owner, row = call.memory.transfers.get(call.query.required("tx_id"), ("", {}))
    if owner != call.account:
        raise Refusal("NOT_FOUND", "No such transfer", status=404)
    return row


def _name(call: Call, account: str, part: str) -> str:
    return call.account if account == _SPOT else f"{call.account} {account} {part}".rstrip()
