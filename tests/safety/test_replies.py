"""What a reply proves, for the whole of MEXC's error table."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from spotlane.errors import (
    AuthenticationError,
    DecodeError,
    ExchangeAPIError,
    ExchangeUnavailable,
    IpNotAllowed,
    OrderNotFound,
    OrderRejected,
    PermissionDenied,
    RateLimited,
    TimestampRejected,
    WithdrawalRejected,
)
from spotlane.exchanges.mexc import spec
from spotlane.exchanges.mexc.errors import ERRORS, tell
from spotlane.safety import Judge, Refusal, retry_after_s
from spotlane.spec import Endpoint, ErrorRow, ErrorTable, Outcome
from spotlane.transport import Reply

JUDGE = Judge("mexc", ERRORS, tell)
ROWS = {row.code: row for group in ERRORS.rows.values() for row in group}


def reply(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, [(name.encode(), value.encode()) for name, value in (headers or {}).items()], body)


def refuse(body: bytes) -> str:
    raise DecodeError("no", field="x")


def judged(
    status: int, body: bytes, endpoint: Endpoint = spec.PLACE, headers: Mapping[str, str] | None = None
) -> Refusal:
    found = JUDGE.understand(endpoint, reply(status, body, headers), refuse)
    assert isinstance(found, Refusal)
    return found


@pytest.mark.parametrize("row", list(ROWS.values()), ids=lambda row: str(row.code))
@pytest.mark.parametrize("status", [400, 200, 503])
def test_every_row_of_the_table(row: ErrorRow, status: int) -> None:
    refusal = judged(status, json.dumps({"code": row.code, "msg": "in its words"}).encode())
    assert type(refusal.error) is row.replaces.get("order", row.error)
    assert (refusal.error.code, refusal.error.message, refusal.error.http_status) == (row.code, "in its words", status)
    # A gateway's 5xx proves nothing, whatever stands in its body.
    assert refusal.outcome is (Outcome.AMBIGUOUS if status >= 500 else row.outcome)
    assert "{" not in str(refusal.error)
    assert row.hint.partition("{")[0] in str(refusal.error)


def test_what_the_documentation_calls_ambiguous_is() -> None:
    ambiguous = {code for code, row in ROWS.items() if row.outcome is Outcome.AMBIGUOUS}
    assert ambiguous == {500, 501, 503, 504, 603, 10200, 10201, 10202, 10219, 20002, 730000}


def test_the_documented_codes_are_all_there() -> None:
    documented = {
        400, 401, 402, 403, 406, 511, 701, 702, 703, 704, 602, 10001, 10015, 10072, 10073, 26, 700001, 700002, 700003,
        700004, 700005, 700006, 700007, 700008, 700013, 33333, 44444, -1128, 513, 600, 601, 60005, 730100, -2011, -2013,
        30026, 22222, -1121, 10007, 30014, 30021, 730001, 30000, 30001, 30016, 30018, 30019, 30020, 70011, 30041, 30002,
        30003, 30004, 30005, 10101, 30010, 30087, 30025, 30027, 30028, 30029, 30032, 603, 10095, 10096, 10097, 10102,
        10098, 10099, 10100, 10103, 10200, 10201, 10202, 10206, 10211, 10212, 10216, 10219, 10222, 10232, 10259, 10265,
        10268, 11444, 140001, 140002, 429, 510, 500, 501, 503, 504, 604, 801, 20001, 20002, 730000, 730002,
    }  # fmt: skip
    assert documented <= ROWS.keys()


@pytest.mark.parametrize(
    ("code", "endpoint", "error"),
    [
        (730001, spec.PLACE, OrderRejected),
        (730001, spec.TEST_ORDER, OrderRejected),
        (730001, spec.ACCOUNT, ExchangeAPIError),
        (400, spec.ALL_ORDERS, ExchangeAPIError),
        (400, spec.ACCOUNT, AuthenticationError),
        (22222, spec.ORDER, OrderNotFound),
        (22222, spec.CANCEL_WITHDRAWAL, WithdrawalRejected),
        (700006, spec.ORDER, IpNotAllowed),
        (700003, spec.ORDER, TimestampRejected),
    ],
)
def test_a_code_with_two_meanings(code: int, endpoint: Endpoint, error: type[ExchangeAPIError]) -> None:
    refusal = judged(400, json.dumps({"code": code, "msg": ""}).encode(), endpoint)
    assert type(refusal.error) is error
    # Without words of its own, the table's stand in.
    assert refusal.error.message == ROWS[code].meaning


def test_a_missing_permission_is_named() -> None:
    refusal = judged(400, b'{"code":700007,"msg":"No permission"}', spec.TRADES)
    assert isinstance(refusal.error, PermissionDenied)
    assert "this call needs SPOT_ACCOUNT_READ" in str(refusal.error)


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (401, AuthenticationError, Outcome.REJECTED),
        (403, RateLimited, Outcome.REJECTED),
        (418, RateLimited, Outcome.REJECTED),
        (429, RateLimited, Outcome.REJECTED),
        (302, ExchangeAPIError, Outcome.AMBIGUOUS),
        (404, ExchangeAPIError, Outcome.AMBIGUOUS),
        (408, ExchangeAPIError, Outcome.AMBIGUOUS),
        (500, ExchangeUnavailable, Outcome.AMBIGUOUS),
        (504, ExchangeUnavailable, Outcome.AMBIGUOUS),
    ],
)
def test_a_body_without_a_code_leaves_the_status(status: int, error: type[ExchangeAPIError], outcome: Outcome) -> None:
    for body in (b"<html>503 Service Unavailable Reference #18</html>", b"", b'{"code":'):
        refusal = judged(status, body, headers={"Content-Type": "text/html"})
        assert (type(refusal.error), refusal.outcome) == (error, outcome)
        assert refusal.error.code is None
        assert f"(text/html, {len(body)} bytes)" in str(refusal.error)


def test_an_unknown_code_proves_nothing() -> None:
    refusal = judged(400, b'{"code":987654,"msg":"new"}')
    assert (type(refusal.error), refusal.outcome) == (ExchangeAPIError, Outcome.AMBIGUOUS)
    assert str(refusal.error) == "mexc answered 987654 (HTTP 400): new"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"msg":"Order does not exist.","code":-2013,"_extend":null}', -2013, "Order does not exist."),
        (b'{"code":"10232","msg":"no","timestamp":1}', 10232, "no"),
        (b'{"code":26,"data":"operation not allowed"}', 26, "operation not allowed"),
        (b'{"code":700003,"message":"futures style"}', 700003, "futures style"),
        (b'{"code":"-2011","msg":null}', -2011, ""),
        (b'{"code":"E17","msg":"a word"}', "E17", "a word"),
        (b'{"code":"--5","msg":"x"}', "--5", "x"),
        ('{"code":"²","msg":"x"}'.encode(), "²", "x"),
        (b'{"code":null,"msg":7}', None, ""),
        (b'{"code":[1],"msg":{}}', None, ""),
    ],
)
def test_the_shapes_of_an_error_body(body: bytes, code: int | str | None, message: str) -> None:
    told = tell(body)
    assert told is not None
    assert (told.code, told.message) == (code, message)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"7", b"{}", b'{"code":0}', b'{"code":200,"data":[]}', b'{"code":"0"}', b'{"a":1}']
)
def test_what_is_no_error_body(body: bytes) -> None:
    assert tell(body) is None


def test_a_success_is_read_once_and_asked_no_more() -> None:
    seen: list[bytes] = []

    def read(body: bytes) -> int:
        seen.append(body)
        return 7

    assert JUDGE.understand(spec.PLACE, reply(200, b'{"code":700006,"order":1}'), read) == 7
    assert seen == [b'{"code":700006,"order":1}']


def test_a_success_that_is_neither_names_its_endpoint() -> None:
    with pytest.raises(DecodeError) as misfit:
        JUDGE.understand(spec.TRADES, reply(200, b'{"code":0}'), refuse)
    assert (misfit.value.endpoint, misfit.value.field) == ("myTrades", "x")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("-1", None), ("1.5", None), ("²", None), ("Wed, 21 Oct 2026", None)],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after_s(reply(429, b"", {"retry-after": text})) == seconds
    refusal = judged(429, b'{"code":429,"msg":"slow"}', headers={"Retry-After": text})
    assert isinstance(refusal.error, RateLimited)
    assert refusal.error.retry_after_s == seconds


def test_a_long_message_is_cut_and_a_signature_removed() -> None:
    text = "see /api/v3/order?signature=" + "0aF9" * 16 + " " + "x" * 500
    message = judged(400, json.dumps({"code": 1, "msg": text}).encode()).error.message
    assert message.startswith("see /api/v3/order?signature=*** xxx")
    assert len(message) < 210


def test_a_row_for_a_part_of_the_message_goes_before_the_row_for_the_code() -> None:
    table = ErrorTable(
        [
            ErrorRow(7, OrderRejected, Outcome.REJECTED, "any"),
            ErrorRow(7, PermissionDenied, Outcome.REJECTED, "closed", within="not allowed"),
        ],
        [ErrorRow(429, RateLimited, Outcome.REJECTED, "slow")],
    )
    judge = Judge("toy", table, tell)
    for message, error in (("IP is Not Allowed here", PermissionDenied), ("no", OrderRejected), ("", OrderRejected)):
        found = judge.understand(spec.PLACE, reply(400, json.dumps({"code": 7, "msg": message}).encode()), refuse)
        assert isinstance(found, Refusal)
        assert type(found.error) is error
    assert table.find(None, "", 429) is table.http_rows[429][0]
    assert table.find(8, "", 429) is None


def test_a_table_refuses_a_code_that_stands_twice() -> None:
    row = ErrorRow(1, OrderRejected, Outcome.REJECTED, "one")
    with pytest.raises(ValueError, match="error code 1 stands twice"):
        ErrorTable([row, row])


@pytest.mark.parametrize(
    ("message", "after", "address"),
    [
        ("Request IP not in whitelist: 192.0.2.7", "not in whitelist:", "192.0.2.7"),
        ("IP NOT IN WHITELIST: [2001:DB8::1], sorry", "not in whitelist:", "2001:db8::1"),
        ("not in whitelist: 192.0.2.7", "", None),
        ("not in whitelist:", "not in whitelist:", None),
        ("not in whitelist: 192.0.2.700", "not in whitelist:", None),
        ("refused", "not in whitelist:", None),
    ],
)
def test_the_address_that_the_exchange_saw(message: str, after: str, address: str | None) -> None:
    table = ErrorTable([ErrorRow(1, IpNotAllowed, Outcome.REJECTED, "x", address_after=after)])
    refusal = Judge("mexc", table, tell).understand(
        spec.ORDER, reply(403, json.dumps({"code": 1, "msg": message}).encode()), refuse
    )
    assert isinstance(refusal, Refusal)
    assert isinstance(refusal.error, IpNotAllowed)
    assert refusal.error.address == address
