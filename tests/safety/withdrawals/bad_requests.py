"""Bad withdrawal requests from tables: each scenario is a policy, and requests under it with why they are refused.

The addresses are examples from the chains' standards and the sandbox's own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from spotlane import Approval, ApprovalRequest, WithdrawalCap, WithdrawalPolicy, WithdrawalRequest, WithdrawalTarget
from spotlane.safety.withdrawals import LedgerOwner
from spotlane.safety.withdrawals.ledger import FileLedger, Record
from spotlane.sandbox import Sandbox
from spotlane.sandbox.networks import Network
from spotlane.structs import WithdrawalReason as Why

TRON = "TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm"
OTHER_TRON = "TQHgMpVzWkhSsRB4BzZgmV8uW4cFL8eaBr"
EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BITCOIN = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
RIPPLE = "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh"
OTHER_RIPPLE = "rhub8VRN55s94qWKDv6jmDy1pUykJzF3wq"
STELLAR = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
TETHER = "0xdac17f958d2ee523a2206206994597c13d831ec7"
KEY = b"a key of the second person, 32 b"
OTHER_KEY = b"a key of somebody else, 32 bytes"
USED_NONCE = "5e" * 16
USED_ID = "s-used-before-0001"

USDT = WithdrawalRequest("USDT", Decimal(100), TRON, "TRX")
ETHER = USDT.replace(address=EVM, network="ETH")
BTC = WithdrawalRequest("BTC", Decimal("0.5"), BITCOIN, "BTC")
XRP = WithdrawalRequest("XRP", Decimal(25), RIPPLE, "XRP", memo="104100")
GOOD = (USDT, ETHER, BTC, XRP)
LISTED = tuple(WithdrawalTarget(each.asset, each.network, each.address, each.memo) for each in GOOD)


class Bench(NamedTuple):
    """What a scenario is set up with: an exchange, a folder of its own, and whose ledger it would be."""

    venue: Sandbox
    folder: Path
    owner: LedgerOwner


class Bad(NamedTuple):
    """A request that must be refused. make gives it, and may itself raise where no such request can be made."""

    make: Callable[[], WithdrawalRequest]
    why: Why | type[Exception]
    words: str = ""


class Scenario(NamedTuple):
    """A policy and what is refused under it. meddle is called once the client is open; exchanges None are all."""

    name: str
    policy: Callable[[Bench], WithdrawalPolicy | None]
    bad: list[Bad]
    meddle: Callable[[Bench], object] = lambda bench: None
    exchanges: tuple[str, ...] | None = None


def bad(request: WithdrawalRequest, why: Why, words: str = "", **changes: Any) -> Bad:
    return Bad(lambda: request.replace(**changes), why, words)


def make(why: type[Exception], words: str, **fields: Any) -> Bad:
    return Bad(lambda: WithdrawalRequest(**{**USDT.to_dict(), **fields}), why, words)


def one_letter_off(address: str, change: Callable[[str], str]) -> Iterator[str]:
    for at, letter in enumerate(address):
        if change(letter) != letter:
            yield address[:at] + change(letter) + address[at + 1 :]


def listed(bench: Bench, *more: WithdrawalTarget, **options: Any) -> WithdrawalPolicy:
    return WithdrawalPolicy([*LISTED, *more], **options)


def only(*targets: WithdrawalTarget, **options: Any) -> Callable[[Bench], WithdrawalPolicy]:
    return lambda bench: WithdrawalPolicy(targets, **options)


def wrong_places() -> list[Bad]:
    chains = {
        "TRX": ("ETH", "ERC20", "BSC", "BEP20", "BTC", "SOL", "eth", "Erc20"),
        "ETH": ("TRX", "TRC20", "BSC", "BEP20", "BTC", "SOL", "trx", "Trc20"),
        "BTC": ("ETH", "ERC20", "TRC20", "LTC"),
        "XRP": ("ETH", "TRC20", "XLM", "BTC"),
    }
    cases = [bad(good, Why.WRONG_NETWORK, network=name) for good in GOOD for name in chains[good.network]]
    cases += [
        bad(USDT, Why.WRONG_NETWORK, network="Ethereum(ERC20)"),
        bad(ETHER, Why.WRONG_NETWORK, network="Tron(TRC20)"),
    ]
    cases += [
        bad(good, Why.SWAPPED_CASE, "another spelling", address=address)
        for good in (USDT, ETHER, XRP)
        for address in (*list(one_letter_off(good.address, str.swapcase))[:8], good.address.swapcase())
    ]
    cases += [bad(ETHER, Why.SWAPPED_CASE, address=EVM.lower()), bad(BTC, Why.SWAPPED_CASE, address=BITCOIN.upper())]
    cases += [
        bad(good, Why.NOT_LISTED, "none with this address", address=address)
        for good in GOOD
        for address in (
            *list(one_letter_off(good.address, lambda letter: "7"))[:4],
            good.address[:-1],
            good.address + "a",
        )
    ]
    cases += [bad(USDT, Why.NOT_LISTED, address=OTHER_TRON), bad(XRP, Why.NOT_LISTED, address=OTHER_RIPPLE)]
    cases += [bad(good, Why.WRONG_ASSET, asset=asset) for good in GOOD for asset in ("USDC", "MX")]
    cases += [bad(XRP, Why.MEMO_MISSING, "needs a memo", memo=None)]
    cases += [bad(XRP, Why.WRONG_MEMO, memo=memo) for memo in ("104101", "10410", "1041000", " 104100", "", "0", "x")]
    cases += [bad(good, Why.WRONG_MEMO, memo=memo) for good in (USDT, ETHER, BTC) for memo in ("1", "")]
    return cases


def amounts() -> list[Bad]:
    small, large = Why.BELOW_MINIMUM, Why.ABOVE_MAXIMUM
    cases = [bad(USDT, small, "at least", amount=Decimal(each)) for each in ("0.000001", "0.5", "0.9", "0.999999")]
    cases += [bad(BTC, small, amount=Decimal(each)) for each in ("0.00000001", "0.00007999")]
    cases += [bad(USDT, large, "at most", amount=Decimal(each)) for each in ("1000000.000001", "2e6", "1e30")]
    cases += [bad(BTC, large, amount=Decimal(each)) for each in ("50.00000001", "51")]
    cases += [bad(good, small, "more than 0", amount=Decimal(0)) for good in (BTC, XRP)]
    cases += [bad(good, large, "no sum of money", amount=Decimal("1e999999999")) for good in (USDT, BTC)]
    cases += [bad(BTC, Why.TOO_PRECISE, "decimals", amount=Decimal("1e-999999999"))]
    return cases


def impossible() -> list[Bad]:
    return [
        make(TypeError, "float", amount=100.0),
        make(TypeError, "amount", amount="100"),
        make(ValueError, "", amount=Decimal("NaN")),
        make(ValueError, "", amount=Decimal("Infinity")),
        make(ValueError, "", amount=Decimal(-1)),
        make(TypeError, "address", address=None),
    ]


def other_chains() -> Scenario:
    """Addresses that are on the list and can't be right: the list was written wrongly."""
    owners = {"TRX": EVM, "ETH": TRON, "BTC": TRON, "XRP": BITCOIN}
    typos = {"TRX": TRON[:-1] + "n", "ETH": EVM[:-1] + "D", "BTC": BITCOIN[:-1] + "p", "XRP": RIPPLE[:-1] + "i"}
    cases, targets = [], []
    for good in GOOD:
        for address, why in (
            (owners[good.network], Why.OTHER_CHAINS_ADDRESS), (STELLAR, Why.OTHER_CHAINS_ADDRESS),
            (typos[good.network], Why.BAD_ADDRESS), (good.address[:-2], Why.BAD_ADDRESS), ("x", Why.BAD_ADDRESS),
        ):  # fmt: skip
            targets.append(WithdrawalTarget(good.asset, good.network, address, good.memo))
            cases.append(bad(good, why, address=address))
    return Scenario("an allow-list with impossible addresses", only(*targets), cases)


def memos() -> Scenario:
    targets = (
        WithdrawalTarget("XRP", "XRP", RIPPLE), WithdrawalTarget("XRP", "XRP", OTHER_RIPPLE, no_memo=True),
        WithdrawalTarget("EOS", "EOS", "zzqqqqqqqqqq"), WithdrawalTarget("USDT", "TRC20", TRON, "7"),
        WithdrawalTarget("BTC", "BTC", BITCOIN, "7"), WithdrawalTarget("XRP", "XRP", RIPPLE, "not a number"),
    )  # fmt: skip
    cases = [
        bad(XRP, Why.MEMO_MISSING, "needs a memo", memo=None),
        # The exchange itself demands one: no_memo answers custom alone.
        bad(XRP, Why.MEMO_MISSING, address=OTHER_RIPPLE, memo=None),
        bad(XRP, Why.MEMO_MISSING, asset="EOS", network="EOS", address="zzqqqqqqqqqq", memo=None),
        bad(USDT, Why.MEMO_NOT_TAKEN, "leave it out", memo="7"),
        bad(BTC, Why.MEMO_NOT_TAKEN, memo="7"),
        bad(XRP, Why.BAD_ADDRESS, "destination tag", memo="not a number"),
    ]
    return Scenario("memos on the list that do not fit their chain", only(*targets), cases)


def the_exchange_says_no() -> Scenario:
    closed = WithdrawalTarget("USDT", "BSC", EVM)
    targets = (
        closed, WithdrawalTarget("USDX", "TRX", TRON), WithdrawalTarget("USDT", "KASPA", TRON),
        WithdrawalTarget("USDT", "TRC20", OTHER_TRON), WithdrawalTarget("USDT", "ERC20", EVM),
        WithdrawalTarget("MX", "ERC20", EVM), WithdrawalTarget("USDT", "TRX2", TRON),
        WithdrawalTarget("USDT", "TRX", TRON),
    )  # fmt: skip

    def meddle(bench: Bench) -> None:
        networks = bench.venue.engine.wallet.networks
        one, step = Decimal(1), Decimal("0.000001")
        networks["USDT", "TRX2"] = Network("USDT", "TRX2", "TRC20", one, one, Decimal(9_000), step)
        networks["MX", "ETH"] = dataclasses.replace(networks["MX", "ETH"], fee=Decimal(3))

    names = ("BSC", "bsc", "BEP20", "bep20", "BNB Smart Chain(BEP20)")
    cases = [bad(USDT, Why.NETWORK_CLOSED, "closed", network=name, address=EVM) for name in names[:4]]
    cases += [
        bad(USDT, Why.UNKNOWN_ASSET, "lists no asset", asset="USDX"),
        bad(USDT, Why.UNKNOWN_NETWORK, network="KASPA"),
    ]
    cases += [bad(USDT, Why.NOT_IN_ADDRESS_BOOK, "address book", address=OTHER_TRON)]
    cases += [bad(USDT, Why.AMBIGUOUS_NETWORK, "TRX2", network=name) for name in ("TRC20", "trc20")]
    cases += [bad(ETHER, Why.EATEN_BY_FEE, "nothing", asset="MX", amount=Decimal(each)) for each in (1, 2, 3)]
    cases += [bad(USDT, Why.FIELD_NOT_TAKEN, one_time_code="123456")]
    return Scenario("what the exchange's own tables refuse", only(*targets), cases, meddle)


def too_precise() -> Scenario:
    amounts = ("12.0000001", "110.0000005", "99.99999999", "12.00000000000000000001")
    cases = [bad(good, Why.TOO_PRECISE, amount=Decimal(each)) for good in (USDT, ETHER) for each in amounts]
    # MEXC publishes no step: it refuses such an amount itself.
    return Scenario("amounts with too many decimals", listed, cases, exchanges=("binance", "gateio"))


def contracts() -> Iterator[Scenario]:
    for wrong in ("0x" + "1" * 40, TETHER[:-1] + "8", TETHER[:-1], "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"):
        target = WithdrawalTarget("USDT", "ERC20", EVM, contract=wrong)
        yield Scenario(f"contract {wrong}", only(target), [bad(ETHER, Why.WRONG_CONTRACT, "it may be another token")])
    target = WithdrawalTarget("USDT", "TRC20", TRON, contract=TETHER)
    yield Scenario("no contract to compare with", only(target), [bad(USDT, Why.WRONG_CONTRACT, "none published")])


def caps(per: str, why: Why) -> Scenario:
    over = ("50.000001", "51", "100", "999.999999", "100000")
    cap = {name: WithdrawalCap(**{per: Decimal(each)}) for name, each in (("USDT", 50), ("BTC", 1), ("XRP", 30))}
    cases = [bad(good, why, "over the cap of 50", amount=Decimal(each)) for good in (USDT, ETHER) for each in over]
    cases += [bad(BTC, why, amount=Decimal("1.00000001")), bad(XRP, why, amount=Decimal("30.000001"))]
    return Scenario(f"over {per}", lambda bench: listed(bench, caps=cap, in_memory=True), cases)


def target_caps() -> Scenario:
    target = dataclasses.replace(LISTED[0], cap=WithdrawalCap(per_transfer=Decimal(60), per_day=Decimal(40)))
    cases = [
        bad(USDT, Why.OVER_CAP, "this target"),
        bad(USDT, Why.OVER_DAILY_CAP, "to this target", amount=Decimal(50)),
    ]
    return Scenario("over the caps of one target", only(target, in_memory=True), cases)


def earlier(bench: Bench, **changes: Any) -> Path:
    """Write the ledger of a process that came before: it has withdrawn 950 USDT a while ago."""
    path = bench.folder / "withdrawals.ledger"
    now_ms = bench.venue.clock.now_ms()
    record: Record = {
        "kind": "intent", "id": USED_ID, "asset": "USDT", "amount": "950", "debit": "950", "network": "TRX",
        "address": TRON, "memo": None, "target": LISTED[0].key, "nonce": USED_NONCE, "at_ms": now_ms - 3_600_000,
    }  # fmt: skip
    seen = [{"kind": "seen", "target": each.key, "at_ms": now_ms - 90_000_000} for each in LISTED]
    FileLedger(str(path), bench.owner).transact(lambda book: [*seen, {**record, **changes}])
    return path


def after_a_restart() -> Scenario:
    cases = [
        *(
            bad(USDT, Why.OVER_DAILY_CAP, "950 counts already, 50 is left", amount=Decimal(each))
            for each in (51, 100, 999)
        ),
        *(bad(ETHER, Why.OVER_DAILY_CAP, amount=Decimal(each)) for each in ("50.000001", 900)),
        bad(USDT, Why.USED_ID, "as the ledger has it", amount=Decimal(20), client_withdrawal_id=USED_ID),
    ]
    cap = {"USDT": WithdrawalCap(per_day=Decimal(1_000)), "BTC": WithdrawalCap(), "XRP": WithdrawalCap()}
    return Scenario(
        "what a process before has used up", lambda bench: listed(bench, caps=cap, ledger=earlier(bench)), cases
    )


def cooling_down() -> Scenario:
    def policy(bench: Bench) -> WithdrawalPolicy:
        return listed(bench, ledger=bench.folder / "new.ledger")

    return Scenario(
        "targets that were never seen before", policy, [bad(each, Why.COOLING_DOWN, "24.0 h") for each in GOOD]
    )


def approvals() -> Iterator[Scenario]:
    def sign(request: ApprovalRequest, key: bytes = KEY, **changes: Any) -> Approval:
        return Approval.sign(dataclasses.replace(request, **changes), key)

    def forge(request: ApprovalRequest, **changes: Any) -> Approval:
        return dataclasses.replace(sign(request), **changes)

    def fail(request: ApprovalRequest) -> Approval:
        raise RuntimeError("the second person's telephone is off")

    async def never(request: ApprovalRequest) -> Approval:
        never_made: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        return await never_made

    foreign: dict[str, Any] = {
        "amount": Decimal(99), "address": OTHER_TRON, "memo": "9", "network": "ETH", "asset": "ETH",
        "exchange": "other", "account": "other", "client_withdrawal_id": "other", "fee": Decimal(77),
        "canonical": "ERC20",
    }  # fmt: skip
    forged: dict[str, Any] = {
        "approver": "mallory", "nonce": "00" * 16, "expires_ms": 2**50, "token": "00" * 32, "digest": "00" * 32,
    }  # fmt: skip
    answers: dict[str, tuple[Callable[[ApprovalRequest], Any], Why, str]] = {
        "replayed": (lambda asked: sign(asked, nonce=USED_NONCE), Why.REPLAYED_APPROVAL, "used before"),
        "another key": (lambda asked: sign(asked, OTHER_KEY), Why.FORGED_APPROVAL, "this policy's key"),
        "too old": (lambda asked: sign(asked, expires_ms=asked.expires_ms - 200_000), Why.EXPIRED_APPROVAL, "ended"),
        "none": (lambda asked: None, Why.NO_APPROVAL, "NoneType"),
        "yes": (lambda asked: True, Why.NO_APPROVAL, "bool"),
        "failure": (fail, Why.NO_APPROVAL, "RuntimeError"),
        "silence": (never, Why.LATE_APPROVAL, "within"),
    }
    for name, value in foreign.items():
        answers[f"for another {name}"] = (partial(sign, **{name: value}), Why.FOREIGN_APPROVAL, "another")
    for name, value in forged.items():
        answers[f"with {name} changed"] = (partial(forge, **{name: value}), Why.FORGED_APPROVAL, "changed")
    for name, (approver, why, words) in answers.items():

        def policy(bench: Bench, approver: Any = approver, name: str = name) -> WithdrawalPolicy:
            wait_s = 0.02 if name == "silence" else 120
            ledger = earlier(bench)
            return listed(bench, approver=approver, approval_key=KEY, approval_wait_s=wait_s, ledger=ledger)

        yield Scenario(f"an approval: {name}", policy, [bad(USDT, why, words), bad(BTC, why)])


FILE = f"""\
cool_down_s = 0
ledger = "withdrawals.ledger"

[[allow]]
asset = "USDT"
network = "TRC20"
address = "{TRON}"
label = "own wallet"

[caps.USDT]
per_transfer = "1000"
per_day = "2500.5"
"""


def policy_file(bench: Bench, text: str = FILE) -> Path:
    path = bench.folder / "policy.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def files() -> Iterator[Scenario]:
    def read(bench: Bench) -> WithdrawalPolicy:
        return WithdrawalPolicy.from_file(policy_file(bench))

    def replace(path: Path) -> None:
        path.unlink()
        path.write_text("x")
        path.chmod(0o600)

    edits: dict[str, tuple[Callable[[Path], object], Why]] = {
        "a target added": (lambda path: path.write_text(FILE + FILE[FILE.index("[[") :]), Why.EDITED_POLICY),
        "a cap raised": (lambda path: path.write_text(FILE.replace('"1000"', '"9999"')), Why.EDITED_POLICY),
        "a blank added": (lambda path: path.write_text(FILE + " "), Why.EDITED_POLICY),
        "emptied": (lambda path: path.write_text(""), Why.EDITED_POLICY),
        "replaced": (replace, Why.EDITED_POLICY),
        "removed": (Path.unlink, Why.POLICY_MISSING),
        "a link": (lambda path: path.symlink_to(path.rename(path.with_suffix(".x"))), Why.POLICY_MISSING),
        "writable by all": (lambda path: path.chmod(0o602), Why.POLICY_WRITABLE),
        "writable by the group": (lambda path: path.chmod(0o620), Why.POLICY_WRITABLE),
        "in a folder of all": (lambda path: path.parent.chmod(0o777), Why.POLICY_WRITABLE),
    }  # fmt: skip
    for name, (edit, why) in edits.items():

        def meddle(bench: Bench, edit: Callable[[Path], object] = edit) -> None:
            edit(bench.folder / "policy.toml")

        yield Scenario(f"a policy file, {name}", read, [bad(USDT, why)], meddle)

    def pinned(bench: Bench) -> WithdrawalPolicy:
        return WithdrawalPolicy.from_file(policy_file(bench), sha256="0" * 64)

    yield Scenario("a policy file with another digest", pinned, [bad(USDT, Why.EDITED_POLICY, "pin the new digest")])
    malformed = {
        "a float": (FILE.replace('"1000"', "1000.0"), 11, "float"),
        "an unknown key": (FILE.replace("label", "lable"), 8, "lable"),
        "no address": (FILE.replace("address", "#address"), 4, "address"),
        "an alias": (FILE.replace("TRC20", "TRX"), 6, "TRC20"),
        "no TOML": (FILE.replace('"TRC20"', "TRC20"), 6, "TOML"),
        "no cap": (FILE.replace("caps.USDT", "caps.BTC"), 5, "no cap"),
    }
    for name, (text, line, words) in malformed.items():

        def read_malformed(bench: Bench, text: str = text) -> WithdrawalPolicy:
            return WithdrawalPolicy.from_file(policy_file(bench, text))

        yield Scenario(
            f"a policy file with {name}", read_malformed, [bad(USDT, Why.POLICY_MALFORMED, f"line {line},.*{words}")]
        )
    damages: dict[str, tuple[Callable[[Path], object], Why, str]] = {
        "cut": (lambda path: os.truncate(path, 100), Why.LEDGER_DAMAGED, "cut"),
        "removed": (Path.unlink, Why.LEDGER_DAMAGED, "gone"),
        "edited": (
            lambda path: path.write_bytes(path.read_bytes().replace(b"seen", b"unse", 1)), Why.LEDGER_DAMAGED, "line 2",
        ),
        "with half a line": (
            lambda path: path.write_bytes(path.read_bytes() + b'{"kind"'), Why.LEDGER_DAMAGED, "line 3",
        ),
        "writable by all": (lambda path: path.chmod(0o666), Why.LEDGER_UNUSABLE, "everybody"),
    }  # fmt: skip
    for name, (damage, why, words) in damages.items():

        def spoil(bench: Bench, damage: Callable[[Path], object] = damage) -> None:
            damage(bench.folder / "withdrawals.ledger")

        yield Scenario(f"a ledger, {name}", read, [bad(USDT, why, words)], spoil)


def no_checksum() -> Scenario:
    plain = EVM.lower()
    policy = only(
        WithdrawalTarget("USDT", "ERC20", plain), WithdrawalTarget("EOS", "EOS", "zz", "1"), demand_checksum=True
    )
    cases = [
        bad(ETHER, Why.NO_CHECKSUM, "demands", address=plain),
        bad(XRP, Why.NO_CHECKSUM, "not checked", asset="EOS", network="EOS", address="zz", memo="1"),
    ]
    return Scenario("addresses in which a typo would not be seen", policy, cases)


def scenarios() -> list[Scenario]:
    return [
        Scenario("no policy", lambda bench: None, [bad(each, Why.NO_POLICY) for each in GOOD]),
        Scenario("an empty policy", only(), [bad(each, Why.NOT_LISTED) for each in GOOD]),
        Scenario("places that are not on the list", listed, wrong_places()),
        Scenario("amounts out of bounds", listed, amounts()),
        Scenario("what is no request", listed, impossible()),
        other_chains(), memos(), the_exchange_says_no(), *contracts(), too_precise(), no_checksum(),
        caps("per_transfer", Why.OVER_CAP), caps("per_day", Why.OVER_DAILY_CAP), target_caps(),
        after_a_restart(), cooling_down(), *approvals(), *files(),
    ]  # fmt: skip
