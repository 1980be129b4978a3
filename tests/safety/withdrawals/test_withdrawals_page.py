"""docs/withdrawals.md says what is true."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from spotlane import WithdrawalPolicy
from spotlane.safety.networks import NETWORKS, MemoNeed
from spotlane.structs import WithdrawalPreview, WithdrawalReason

PATH = Path(__file__).parents[3] / "docs" / "withdrawals.md"
PAGE = PATH.read_text(encoding="utf-8") if PATH.exists() else ""

pytestmark = pytest.mark.checkout


def test_every_reason_has_its_row_and_no_other() -> None:
    table = PAGE[PAGE.index("| `reason` |") :]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)[1:]
    told = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(WithdrawalReason)


def test_the_files_example_is_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    tmp_path.chmod(0o700)
    path = tmp_path / "policy.toml"
    path.write_text(example)
    path.chmod(0o600)
    policy = WithdrawalPolicy.from_file(path)
    policy.check_pinned()
    assert (len(policy.targets), len(policy.caps), policy.cool_down_s) == (2, 2, 86_400)


def test_the_dry_run_looks_like_that() -> None:
    (shown,) = re.findall(r"```\n(sent .*?)\n```", PAGE, re.DOTALL)
    hundred = Decimal(100)
    preview = WithdrawalPreview(
        exchange="mexc", asset="USDT", amount=hundred, fee=Decimal(1), debit=hundred, arriving=Decimal(99),
        network="TRX", canonical="TRC20",
        address="TQrY8tryqsYVCYS3MFbtffiPp2ccyn4STm", label="own wallet", address_check="its checksum fits (tron)",
        cap_per_transfer=Decimal(1000), cap_left=Decimal("2500.5"), first_seen_ms=1_795_165_212_000,
        approval_needed=False, time_ms=1_795_364_704_000,
    )  # fmt: skip
    assert str(preview) == shown


def test_the_chains_with_a_customary_memo_are_named() -> None:
    named = re.search(r"exchanges expect one \((.*?)\)", PAGE)
    assert named is not None
    assert set(named[1].split(", ")) == {row.name for row in NETWORKS.values() if row.memo is MemoNeed.EXPECTED}
