"""Where keys come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, NoReturn

from spotlane._core.signing import Hmac
from spotlane.errors import UsageError


class Credentials:
    """An API key and its secret.

    api_key and api_secret are the texts that the exchange shows when the key is made; blanks around them are refused
    rather than removed, for they are the usual trace of a copying accident. Raises UsageError. The secret is reachable
    only through signer() and handed_over(); repr, pickle and copy do not give it away.
    """

    __slots__ = ("_secret", "api_key")

    def __init__(self, api_key: str, api_secret: str) -> None:
        for name, value in (("api_key", api_key), ("api_secret", api_secret)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, was {type(value).__name__}")
            if not value:
                raise UsageError(f"{name} is empty")
            if value != value.strip() or not value.isascii() or not value.isprintable():
                raise UsageError(f"{name} holds blanks, line ends or non-ASCII characters: copy it again")
        self.api_key = api_key
        self._secret = api_secret.encode()

    @classmethod
    def from_environment(
        cls, key_variable: str, secret_variable: str, environment: Mapping[str, str] = os.environ
    ) -> Credentials:
        """Read the key and the secret from two environment variables.

        Raises UsageError naming the variable that is not set.
        """
        for variable in (key_variable, secret_variable):
            if not environment.get(variable):
                raise UsageError(f"environment variable {variable} is not set")
        return cls(environment[key_variable], environment[secret_variable])

    def signer(self, algorithm: Literal["sha256", "sha512"]) -> Hmac:
        """Return a signer that was keyed with the secret and keeps no copy of it."""
        return Hmac(algorithm, self._secret)

    def handed_over(self, settings: Mapping[str, object]) -> bytes:
        """Return settings with api_key and api_secret as one line of JSON, its end included.

        For the pipe to a process that works for this one. It holds the secret: write it, keep it nowhere.
        """
        import json  # a client that starts no process needs none of it

        whole = {**settings, "api_key": self.api_key, "api_secret": self._secret.decode()}
        return json.dumps(whole).encode() + b"\n"

    def __repr__(self) -> str:
        return f"Credentials(api_key={self.api_key[:4]}***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials can't be pickled or copied: read them again where they are needed")
