"""An installed third-party exchange, as files: a package that follows the convention, and its entry point."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

CLIENT = """
class ToyPrivateRest:
    exchange = "toy"

    def __init__(self, credentials, **options):
        self.credentials, self.options = credentials, options

    async def open(self): ...
    async def close(self, grace_s=0.0): ...
    async def __aenter__(self): ...
    async def __aexit__(self, exception_type, exception, traceback): ...
    async def dead_man(self, seconds): ...
    def new_client_order_id(self): ...
    def unresolved(self): ...
    async def get_account_balance(self): ...
    async def place_order(self, params): ...
    async def place_orders(self, params): ...
    async def cancel_order(self, symbol, order_id=None, *, client_order_id=None, confirm=True): ...
    async def get_order(self, symbol, order_id=None, *, client_order_id=None): ...
    async def get_open_orders(self, symbol=None): ...
    async def get_order_history(self, symbol, *, start_ms=None, end_ms=None): ...
    async def get_trades(self, symbol, *, order_id=None, start_ms=None, end_ms=None): ...
    async def withdraw(self, request): ...
    async def preview_withdrawal(self, request): ...
    async def get_withdrawal_status(self, withdrawal_id): ...
    async def get_withdrawal_history(self, asset=None, limit=100): ...
"""
FILES = {
    "__init__.py": "",
    "spec.py": 'SPEC = {"name": "toy"}\nCLIENT = "ToyPrivateRest"\n',
    "rest.py": CLIENT,
    "dialect.py": "class ToyDialect:\n    pass\n\n\nDIALECT = ToyDialect\n",
}


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str = "toy",
    package: str = "toy_exchange_package",
    value: str | None = None,
    **changed: str | None,
) -> str:
    """Put the package and its entry point on the path; changed maps a file's stem to its text, None leaves it out."""
    files = dict(FILES)
    for stem, text in changed.items():
        files.pop(f"{stem}.py")
        if text is not None:
            files[f"{stem}.py"] = text
    root = folder / package
    root.mkdir()
    for file, text in files.items():
        (root / file).write_text(text)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[spotlane.exchanges]\n{name} = {value or package}\n")
    monkeypatch.syspath_prepend(str(folder))
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    importlib.invalidate_caches()
    return package
