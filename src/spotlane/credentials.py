"""Where keys come from."""

from __future__ import annotations

import functools
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Literal, NoReturn, Self
from weakref import WeakSet

from spotlane._core.secret import Protection, read_pair
from spotlane._core.secret import Secret as Secret
from spotlane._core.signing import Hmac
from spotlane.errors import UsageError

# What a provider returns: the key, and the secret as one of the things that a Secret is made of.
Pair = tuple[str, "Secret | str | bytes | bytearray | memoryview"]

_LOG = logging.getLogger("spotlane.credentials")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Credentials:
    """An API key and its secret.

    api_key and api_secret are the texts that the exchange shows when the key is made; blanks around them are refused
    rather than removed, for they are the usual trace of a copying accident. A bytearray, or any other buffer that can
    be written, is overwritten once the secret is taken from it; a str or bytes stays where the caller has it. Raises
    UsageError. The secret is reachable only through signer() and hand_over(); repr, pickle and copy do not give it
    away.
    """

    __slots__ = ("__weakref__", "_secret", "_signers", "_source", "_users", "api_key")

    def __init__(self, api_key: str, api_secret: Secret | str | bytes | bytearray | memoryview) -> None:
        if not isinstance(api_key, str):
            raise TypeError(f"api_key must be a str, was {type(api_key).__name__}")
        if not api_key:
            raise UsageError("api_key is empty")
        if api_key != api_key.strip() or not api_key.isascii() or not api_key.isprintable():
            raise UsageError("api_key holds blanks, line ends or non-ASCII characters: copy it again")
        self.api_key = api_key
        self._secret = api_secret if isinstance(api_secret, Secret) else Secret(api_secret)
        self._signers: dict[str, Hmac] = {}
        self._source: Callable[[], Awaitable[Credentials]] | None = None
        self._users: WeakSet[object] = WeakSet()
        _note_protection(self._secret.protection)

    @classmethod
    def from_environment(
        cls, key_variable: str, secret_variable: str, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """Read the key and the secret from two environment variables.

        The environment keeps its own copy. Raises UsageError naming the variable that is not set.
        """
        for variable in (key_variable, secret_variable):
            if not environment.get(variable):
                raise UsageError(f"environment variable {variable} is not set")
        made = cls(environment[key_variable], environment[secret_variable])
        return made._renewed_by(lambda: cls.from_environment(key_variable, secret_variable, environment))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file of two lines, `api_key = ...` and `api_secret = ...`; lines that begin with # are passed over.

        The file belongs to the user of this process and nobody else may read or write it; a symbolic link counts as the
        file that it leads to. The secret goes straight into memory that is overwritten. Raises UsageError, which says
        what to do, for any other file.
        """
        name = os.fspath(path)
        # A FIFO would keep this waiting for whoever writes to it.
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(name, flags)
        except OSError as refused:
            raise UsageError(f"{name} can't be read: {refused.strerror}") from None
        try:
            _check_file(name, os.fstat(descriptor))
            api_key, secret = read_pair(descriptor)
            made = cls(api_key, secret)
        except UsageError as misfit:
            raise UsageError(misfit.args[0] if name in misfit.args[0] else f"{name}: {misfit}") from None
        finally:
            os.close(descriptor)
        return made._renewed_by(lambda: cls.from_file(name))

    @classmethod
    def from_keyring(cls, service: str, key_name: str = "api_key", secret_name: str = "api_secret") -> Self:
        """Read two entries of a service in the system's keyring; needs the extra `keyring`.

        The keyring gives texts, and the memory of those is its own. Raises UsageError naming the entry that is missing.
        """
        try:
            import keyring
        except ImportError:
            raise UsageError("the package keyring is missing: pip install 'spotlane[keyring]'") from None

        def look_up(name: str) -> str:
            found = keyring.get_password(service, name)
            if not found:
                raise UsageError(
                    f"the keyring has no {name!r} of {service!r}: `keyring set {service} {name}` stores it"
                )
            return str(found)

        made = cls(look_up(key_name), look_up(secret_name))
        return made._renewed_by(lambda: cls.from_keyring(service, key_name, secret_name))

    @classmethod
    def from_provider(cls, provider: Callable[[], Pair]) -> Self:
        """Ask a callable, now and at each renewal, for a pair: the key, and the secret.

        The best secret is a Secret or a bytearray, which is overwritten. A renewal calls it on another thread. Raises
        UsageError for anything but a pair, and whatever the callable raises.
        """
        pair: object = provider()
        if isinstance(pair, Awaitable):
            if isinstance(pair, Coroutine):
                pair.close()
            raise UsageError("this provider has to be awaited: use `await Credentials.from_async_provider(...)`")
        return cls._of_pair(pair)._renewed_by(lambda: cls.from_provider(provider))

    @classmethod
    async def from_async_provider(cls, provider: Callable[[], Awaitable[Pair]]) -> Self:
        """Ask a coroutine function, now and at each renewal, for a pair; see from_provider()."""
        made = cls._of_pair(await provider())
        made._source = functools.partial(cls.from_async_provider, provider)
        return made

    @classmethod
    def _of_pair(cls, pair: object) -> Self:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise UsageError(f"a provider returns a tuple of key and secret, not {type(pair).__name__}")
        return cls(*pair)

    def _renewed_by(self, source: Callable[[], Self]) -> Self:
        self._source = functools.partial(_on_a_thread, source)
        return self

    async def renewed(self) -> Credentials:
        """Ask the file, the environment, the keyring or the provider again and return what it has now.

        Raises UsageError for credentials that were made from texts, and what the source raises.
        """
        if self._source is None:
            raise UsageError("these credentials were made from texts: give the new ones, there is nobody to ask")
        return await self._source()

    def signer(self, algorithm: Literal["sha256", "sha512"]) -> Hmac:
        """Return the signer that was keyed with the secret; one for each algorithm. Raises StateError after a wipe."""
        signer = self._signers.get(algorithm)
        if signer is None:
            signer = self._signers[algorithm] = Hmac(algorithm, self._secret)
        return signer

    def hand_over(self, descriptor: int, settings: Mapping[str, object]) -> None:
        """Write the secret, and after it settings and api_key as one line of JSON, to a pipe.

        For a process that works for this one; Secret.receive() reads the first part. It waits while the pipe is full.
        Raises OSError, and StateError after a wipe.
        """
        import json  # a client that starts no process needs none of it

        self._secret.send(descriptor)
        line = memoryview(json.dumps({**settings, "api_key": self.api_key}).encode() + b"\n")
        while line:
            line = line[os.write(descriptor, line) :]

    def use(self, user: object) -> None:
        """Note who works with the secret."""
        self._users.add(user)

    def leave(self, user: object) -> None:
        """Wipe the secret and its signers where nobody else works with it."""
        self._users.discard(user)
        if not self._users:
            self.wipe()

    def wipe(self) -> None:
        """Overwrite the secret and everything that signs with it. Whoever signs after that gets a StateError."""
        self._secret.wipe()
        for signer in self._signers.values():
            signer.wipe()

    @property
    def is_wiped(self) -> bool:
        """Whether the secret is gone."""
        return self._secret.is_wiped

    @property
    def protection(self) -> Protection:
        """What the system does for the memory of the secret: see docs/secrets.md."""
        return self._secret.protection

    def __repr__(self) -> str:
        return f"Credentials(api_key={self.api_key[:4]}***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials can't be pickled or copied: read them again where they are needed")


async def _on_a_thread(source: Callable[[], Credentials]) -> Credentials:
    import asyncio  # whoever awaits has it; importing this package need not

    return await asyncio.to_thread(source)


def _check_file(name: str, found: os.stat_result) -> None:
    """Raise UsageError for a file that anybody else can read, write or replace the content of."""
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{name} is no regular file")
    user = os.geteuid()
    if found.st_uid != user:
        raise UsageError(f"{name} belongs to user {found.st_uid}, and this process is user {user}: chown {user} {name}")
    if found.st_mode & _OTHERS:
        raise UsageError(f"{name} has mode {stat.S_IMODE(found.st_mode):04o}, others can open it: chmod 600 {name}")


def _note_protection(protection: Protection) -> None:
    for measure, works in protection._asdict().items():
        if not works:
            SHORTFALLS[measure] = SHORTFALLS.get(measure, 0) + 1
            if SHORTFALLS[measure] == 1:
                _LOG.warning("the memory of a secret %s: %s", *_CONSEQUENCES[measure])


# How many secrets of this process lack a protection.
SHORTFALLS: dict[str, int] = {}
_CONSEQUENCES: Mapping[str, tuple[str, str]] = {
    "is_locked": ("could not be locked", "it may be swapped out; raise RLIMIT_MEMLOCK (`ulimit -l`)"),
    "is_undumped": ("stays in core dumps", "spotlane.harden_process() turns them off"),
    "is_unforked": ("is copied into forked processes", "fork before the credentials are made"),
}
