"""What a guardian is to do: the secret and one line of JSON on its standard input, and nowhere else."""

from __future__ import annotations

import base64
import json
import os
import ssl
from typing import Any, NamedTuple

from spotlane.credentials import Credentials, Secret
from spotlane.errors import UsageError

_MOST_BYTES = 1 << 24
_CONNECTIONS = 2


class Settings(NamedTuple):
    """One account that is watched.

    folders are where the bot's exchanges are found. seconds is how long the heartbeats may be away; watch_s for how
    long new orders may show up once the bot is gone. options are those of the exchange's client.
    """

    exchange: str
    folders: list[str]
    seconds: float
    watch_s: float
    options: dict[str, Any]


def read_settings(pipe: int) -> tuple[Settings, Credentials, bytes]:
    """Read the secret and the line behind it; return what that says, the credentials, and what was read beyond it.

    The secret goes from the pipe into memory of its own. Raises UsageError, which repeats nothing of what was read,
    where it can't be understood.
    """
    secret = Secret.receive(pipe)
    line, rest = _first_line(pipe)
    try:
        told = json.loads(line)
        credentials = Credentials(told["api_key"], secret)
        settings = Settings(
            told["exchange"], told["folders"], float(told["seconds"]), float(told["watch_s"]), _options(told)
        )
    except (ValueError, KeyError, TypeError):
        raise UsageError("the line of settings can't be understood") from None
    return settings, credentials, rest


def _options(told: dict[str, Any]) -> dict[str, Any]:
    options = {name: told[name] for name in ("base_url", "timeout_s", "transport", "enforce_limits", "source_address")}
    if told["authorities"]:
        trusted = b"".join(base64.b64decode(each) for each in told["authorities"])
        options["ssl_context"] = ssl.create_default_context(cadata=trusted)
    return {**options, "connections": _CONNECTIONS}


def _first_line(pipe: int) -> tuple[bytes, bytes]:
    received = b""
    while b"\n" not in received and len(received) < _MOST_BYTES:
        more = os.read(pipe, 1 << 16)
        if not more:
            break
        received += more
    line, _, rest = received.partition(b"\n")
    return line, rest
