"""A file of credentials, read with the standard library: what `spotlane._core.secret.read_pair` is compared with."""

from __future__ import annotations

MOST_BYTES = 4000


def read_pair(content: bytes) -> tuple[str, str] | str:
    """Return key and secret, or a part of what the refusal of the content says."""
    if len(content) >= MOST_BYTES:
        return "bytes or more"
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("ascii").split("\n"), 1):
        stripped = line.strip(" \t\r")
        if not stripped or stripped.startswith("#"):
            continue
        name, sign, value = (part.strip(" \t\r") for part in stripped.partition("="))
        if not sign:
            return f"line {number} is no"
        if name not in ("api_key", "api_secret") or name in found:
            return f"line {number} is neither"
        if name == "api_secret" and not value:
            return "api_secret is empty"
        if name == "api_secret" and not value.isprintable():
            return "api_secret holds"
        found[name] = value
    for name in ("api_key", "api_secret"):
        if name not in found:
            return f"`{name} = ...` is missing"
    return found["api_key"], found["api_secret"]
