"""A secret shows nothing of itself, is read by the signer alone, and is gone when it was wiped."""

from __future__ import annotations

import copy
import os
import pickle
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle_secret import read_pair as plain_pair
from oracle_signing import authenticate

from spotlane._core.header_auth import HeaderAuth
from spotlane._core.secret import Protection, Secret, Vault, read_pair
from spotlane._core.signing import Hmac, QueryAuth
from spotlane.errors import StateError, UsageError

TEXT = "canary-0123456789-ABCDEFGHIJKLMNOP"
MESSAGE = b"a=1&timestamp=2"


def signature(secret: Secret) -> str:
    return Hmac("sha256", secret).hexdigest(MESSAGE)


def piped(content: bytes) -> int:
    """Return a descriptor from which these bytes are read, and then the end."""
    out, into = os.pipe()
    os.write(into, content)
    os.close(into)
    return out


def read_from(content: bytes, read: Callable[[int], Secret]) -> Secret:
    descriptor = piped(content)
    try:
        return read(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Secret(TEXT),
        lambda: Secret(TEXT.encode()),
        lambda: Secret(bytearray(TEXT.encode())),
        lambda: Secret(memoryview(TEXT.encode())),
        lambda: read_from(TEXT.encode(), Secret.read),
        lambda: read_from(TEXT.encode() + b"\n", Secret.read),
        lambda: read_from(TEXT.encode() + b"\r\n", Secret.read),
        lambda: read_from(bytes([len(TEXT), 0, 0, 0]) + TEXT.encode() + b"more", Secret.receive),
        lambda: read_from(f"api_key=k\napi_secret={TEXT}".encode(), lambda pipe: read_pair(pipe)[1]),
    ],
)
def test_every_way_of_making_one_gives_the_same_signature(make: Callable[[], Secret]) -> None:
    assert signature(make()) == authenticate("sha256", TEXT.encode(), MESSAGE)


def test_longest_and_shortest() -> None:
    for text in ("x", "x" * 4000):
        for secret in (Secret(text), read_from(text.encode(), Secret.read)):
            assert signature(secret) == authenticate("sha256", text.encode(), MESSAGE)


@pytest.mark.parametrize(
    "look",
    [
        len, hash, iter, list, bytes, memoryview, vars, copy.copy, copy.deepcopy, pickle.dumps, Secret,
        lambda secret: secret == secret, lambda secret: secret != Secret(TEXT), lambda secret: secret < secret,
        lambda secret: {secret}, lambda secret: secret[0], lambda secret: secret + "", lambda secret: "a" in secret,
        lambda secret: setattr(secret, "name", 1), lambda secret: object.__reduce_ex__(secret, 4),
    ],
)  # fmt: skip
def test_there_is_no_way_to_look_at_it(look: Callable[[Secret], object]) -> None:
    with pytest.raises((TypeError, AttributeError)) as refusal:
        look(Secret(TEXT))
    assert TEXT not in str(refusal.value)


def test_its_texts_tell_nothing() -> None:
    secret = Secret(TEXT)
    assert {repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret} == {"<Secret>"}  # noqa: UP031
    assert secret.__sizeof__() == Secret("x").__sizeof__()
    assert not [name for name in dir(secret) if not name.startswith("__") and name not in (
        "is_wiped", "protection", "read", "receive", "send", "wipe"
    )]  # fmt: skip


def test_it_can_be_neither_extended_nor_made_of_nothing() -> None:
    with pytest.raises(TypeError):
        type("Loud", (Secret,), {})
    for nothing in (None, 5, ["x"], object()):
        with pytest.raises(TypeError, match="api_secret must be str or bytes"):
            Secret(nothing)  # type: ignore[arg-type]
    make: Callable[..., object] = Vault
    with pytest.raises(TypeError):
        make()
    with pytest.raises(StateError):
        signature(Secret.__new__(Secret, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("material", "told"),
    [
        ("", "is empty"),
        (" hidden", "holds blanks"),
        ("hidden ", "holds blanks"),
        ("hid\nden", "holds blanks"),
        ("hid\0den", "holds blanks"),
        ("hidd\u00e9n", "holds blanks"),
        ("hidd\u20ac", "holds blanks"),
        (b"hid\x7fden", "holds blanks"),
        (b"hidden" * 1000, "longer than 4000"),
    ],
)
def test_what_can_not_be_a_secret_is_refused_and_not_repeated(material: str | bytes, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refusal:
        Secret(material)
    assert "hid" not in str(refusal.value)
    content = material.encode() if isinstance(material, str) else material
    with pytest.raises(UsageError, match=told) as refusal:
        read_from(content, Secret.read)
    assert "hid" not in str(refusal.value)


@pytest.mark.parametrize("content", [TEXT.encode(), b" blanks around are refused ", b""])
def test_a_buffer_that_can_be_written_is_overwritten_whatever_happens(content: bytes) -> None:
    taken = bytearray(content)
    try:
        Secret(taken)
    except UsageError:
        assert content != TEXT.encode()
    assert taken == bytes(len(content))
    untouched = TEXT.encode()
    Secret(memoryview(untouched))
    assert untouched == TEXT.encode()


def test_after_a_wipe_every_use_is_a_state_error() -> None:
    secret = Secret(TEXT)
    out, into = os.pipe()
    secret.wipe()
    secret.wipe()
    assert secret.is_wiped
    for use in (signature, lambda wiped: wiped.send(into)):
        with pytest.raises(StateError, match="this secret was wiped"):
            use(secret)
    os.close(into)
    assert os.read(out, 10) == b""
    os.close(out)


def test_a_signer_outlives_the_secret_and_signs_nothing_once_it_is_wiped() -> None:
    secret = Secret(TEXT)
    signer = Hmac("sha512", secret)
    query = QueryAuth(signer=signer, api_key="k", api_key_header="KEY")
    header = HeaderAuth(signer=signer, api_key="k")
    secret.wipe()
    assert signer.hexdigest(MESSAGE) == authenticate("sha512", TEXT.encode(), MESSAGE)
    signer.wipe()
    for sign in (
        lambda: signer.hexdigest(MESSAGE),
        lambda: signer.digest(MESSAGE),
        lambda: query.sign("/p", b"", 1, None),
        lambda: header.sign("GET", "/p", b"", b"", 1, None),
    ):
        with pytest.raises(StateError, match="this signer was wiped"):
            sign()


def test_sent_and_received_without_a_byte_more() -> None:
    out, into = os.pipe()
    Secret(TEXT).send(into)
    os.write(into, b"{}\n")
    assert signature(Secret.receive(out)) == authenticate("sha256", TEXT.encode(), MESSAGE)
    assert os.read(out, 10) == b"{}\n"
    for descriptor in (out, into):
        os.close(descriptor)


def test_descriptors_that_do_not_work() -> None:
    out, into = os.pipe()
    os.close(out)
    with pytest.raises(BrokenPipeError):
        Secret(TEXT).send(into)
    with pytest.raises(OSError, match="Bad file descriptor"):
        Secret.read(into)
    os.close(into)


def test_a_full_pipe_is_waited_for_across_signals() -> None:
    out, into = os.pipe()
    os.set_blocking(into, False)
    filled = 0
    try:
        while True:
            filled += os.write(into, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(into, True)
    heard: list[int] = []

    def drain(number: int, frame: object) -> None:
        heard.append(number)
        assert len(os.read(out, filled)) == filled

    before = signal.signal(signal.SIGALRM, drain)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        Secret(TEXT).send(into)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [signal.SIGALRM]
    assert signature(Secret.receive(out)) == authenticate("sha256", TEXT.encode(), MESSAGE)
    for descriptor in (out, into):
        os.close(descriptor)


FILES = [
    b"api_key = k\napi_secret = s\n",
    b"api_secret=s=/+\r\n\r\n# note\r\n  api_key\t=  k  \r\n",
    b"#api_secret = x\napi_secret = s s\napi_key = k",
    b"api_key = k\n",
    b"api_secret = hidden\n",
    b"",
    b"api_key = k\napi_key = j\napi_secret = s",
    b"api_key = k\napi_secret = hidden\napi_secret = hidden\n",
    b"api_key = k\nhidden\n",
    b"api_key = k\napi_secret = hidden\nother = hidden\n",
    b"api_key = k\napi_secret =\n",
    b"api_key = k\napi_secret = hid\0den\n",
    b"api_keys = k\napi_secret = hidden\n",
    b'{"api_key": "k", "api_secret": "hidden"}',
    b"api_key = k\napi_secret = hidden\n" + b"#" * 4000,
]


@pytest.mark.parametrize("content", FILES)
def test_a_file_is_read_as_the_plain_reader_reads_it(content: bytes) -> None:
    wanted = plain_pair(content)
    descriptor = piped(content)
    try:
        if isinstance(wanted, str):
            with pytest.raises(UsageError, match=wanted) as refusal:
                read_pair(descriptor)
            assert "hid" not in str(refusal.value)
        else:
            api_key, secret = read_pair(descriptor)
            assert (api_key, signature(secret)) == (wanted[0], authenticate("sha256", wanted[1].encode(), MESSAGE))
    finally:
        os.close(descriptor)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_its_pages_are_locked_undumped_and_between_guards() -> None:
    secret, signer = Secret(TEXT), Hmac("sha256", b"k")
    for protection in (secret.protection, signer.protection):
        assert protection == Protection(True, True, True)
    # Of the pages that hold it the kernel says: dd (not in dumps), lo (locked), wf (wiped on fork).
    told = Path("/proc/self/smaps").read_text()
    kept = [flags.split() for flags in re.findall(r"VmFlags: (.*)", told) if " dd" in f" {flags}" and " lo" in flags]
    assert len([flags for flags in kept if "wf" in flags]) >= 1
    guards = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) ---p 0+ 00:00 0 *$", told, re.MULTILINE)
    assert len(guards) >= 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems copy the pages")
def test_a_forked_child_has_none_of_it() -> None:
    secret = Secret(TEXT)
    signer = Hmac("sha256", secret)
    uses: list[Callable[[], object]] = [lambda: signature(secret), lambda: signer.hexdigest(MESSAGE)]
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            for use in uses:
                try:
                    use()
                except StateError:
                    continue
                break
            else:
                failed = 0
        finally:
            os._exit(failed)
    assert os.waitpid(child, 0)[1] == 0
    assert signer.hexdigest(MESSAGE) == signature(secret)
