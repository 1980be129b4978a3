"""API keys as an exchange issues them."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from spotlane.sandbox.accounts import TRADER

if TYPE_CHECKING:
    from spotlane.sandbox.engine import Engine


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and what it may do; symbols None means all ("BTC/USDT" names), expires_ms None means never."""

    api_key: str
    api_secret: str = field(repr=False)
    permissions: frozenset[str]
    account: str = TRADER
    ip_allow_list: frozenset[str] = frozenset()
    expires_ms: int | None = None
    symbols: frozenset[str] | None = None
    created_ms: int = 0

    def may_trade(self, symbol: str) -> bool:
        """Tell whether the key is open for a symbol."""
        return self.symbols is None or symbol in self.symbols


class KeyRing:
    """The keys of one exchange; equal seeds issue equal keys."""

    def __init__(self, seed: int, *, prefix: str, key_length: int, secret_length: int) -> None:
        self._draw = random.Random(f"{seed} keys")
        self._prefix = prefix
        self._key_length = key_length
        self._secret_length = secret_length
        self._keys: dict[str, ApiKey] = {}

    def issue(
        self,
        *,
        permissions: Iterable[str],
        account: str = TRADER,
        ip_allow_list: Iterable[str] = (),
        expires_ms: int | None = None,
        symbols: Iterable[object] | None = None,
        created_ms: int = 0,
    ) -> ApiKey:
        """Make a new key."""
        letters = string.ascii_letters + string.digits
        body = "".join(self._draw.choices(letters, k=self._key_length - len(self._prefix)))
        key = ApiKey(
            self._prefix + body,
            f"{self._draw.getrandbits(self._secret_length * 4):0{self._secret_length}x}",
            frozenset(permissions),
            account,
            frozenset(ip_allow_list),
            expires_ms,
            None if symbols is None else frozenset(map(str, symbols)),
            created_ms,
        )
        self.add(key)
        return key

    def add(self, key: ApiKey) -> None:
        """Accept a key whose texts were chosen elsewhere."""
        self._keys[key.api_key] = key

    def revoke(self, api_key: str) -> None:
        """Delete a key; KeyError where there is none."""
        del self._keys[api_key]

    def find(self, api_key: str) -> ApiKey | None:
        """Return a key, or None."""
        return self._keys.get(api_key)


class KeyIssuer:
    """A dialect's keys: the one of the account that trades, and further ones.

    all_permissions are what a key has that is asked for without any; further_permissions exist beside them.
    """

    all_permissions: ClassVar[frozenset[str]]
    further_permissions: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self.engine = engine
        self.keys = keys
        main = self.add_key()
        self.api_key = main.api_key
        self.api_secret = main.api_secret

    def add_key(
        self,
        *,
        permissions: Iterable[str] | None = None,
        account: str = TRADER,
        ip_allow_list: Iterable[str] = (),
        expires_ms: int | None = None,
        symbols: Iterable[object] | None = None,
    ) -> ApiKey:
        """Issue a further key.

        symbols are neutral names ("BTC/USDT"), None opens all. ValueError for a permission that does not exist.
        """
        wanted = self.all_permissions if permissions is None else frozenset(permissions)
        unknown = wanted - self.all_permissions - self.further_permissions
        if unknown:
            raise ValueError(f"no such permission: {', '.join(sorted(unknown))}")
        return self.keys.issue(
            permissions=wanted,
            account=account,
            ip_allow_list=ip_allow_list,
            expires_ms=expires_ms,
            symbols=symbols,
            created_ms=self.engine.clock.now_ms(),
        )
