"""Where keys come from: each source, what it refuses, and that no refusal repeats a secret."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from spotlane import Credentials, Secret
from spotlane import credentials as module
from spotlane._core.secret import Protection
from spotlane._core.signing import Hmac
from spotlane.errors import StateError, UsageError

SECRET = "hidden-0123456789"
SIGNATURE = Hmac("sha256", SECRET.encode()).hexdigest(b"x")


def signs(credentials: Credentials) -> bool:
    return credentials.api_key == "key" and credentials.signer("sha256").hexdigest(b"x") == SIGNATURE


def rewrite(path: Path, api_key: str, api_secret: str) -> None:
    path.write_text(f"api_key = {api_key}\napi_secret = {api_secret}\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text(f"# mine\napi_key = key\napi_secret = {SECRET}\n")
    return path


def test_from_arguments() -> None:
    taken = bytearray(SECRET.encode())
    for secret in (SECRET, SECRET.encode(), taken, Secret(SECRET)):
        assert signs(Credentials("key", secret))
    assert taken == bytes(len(SECRET))


@pytest.mark.parametrize("api_key", ["", " key", "key\n", "k\u00e9y", "k\0y"])
def test_a_key_that_can_be_none(api_key: str) -> None:
    with pytest.raises(UsageError, match="api_key"):
        Credentials(api_key, SECRET)


@pytest.mark.parametrize("api_secret", ["", f" {SECRET}", f"{SECRET}\n", f"{SECRET}\u00e9"])
def test_a_secret_that_can_be_none(api_secret: str) -> None:
    with pytest.raises(UsageError, match="api_secret") as refusal:
        Credentials("key", api_secret)
    assert "hidden" not in str(refusal.value)


def test_neither_is_shown_nor_copied() -> None:
    credentials = Credentials("key-0123456789", SECRET)
    assert repr(credentials) == "Credentials(api_key=key-***)"
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="can't be pickled or copied"):
            take(credentials)


def test_from_the_environment() -> None:
    assert signs(Credentials.from_environment("K", "S", {"K": "key", "S": SECRET}))
    for environment in ({"S": SECRET}, {"K": "", "S": SECRET}):
        with pytest.raises(UsageError, match="variable K is not set"):
            Credentials.from_environment("K", "S", environment)


def test_from_a_file(file: Path, tmp_path: Path) -> None:
    assert signs(Credentials.from_file(file))
    assert signs(Credentials.from_file(str(file)))
    link = tmp_path / "link"
    link.symlink_to(file)
    assert signs(Credentials.from_file(link))
    file.chmod(0o400)
    assert signs(Credentials.from_file(file))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o644, 0o666, 0o601, 0o610])
def test_a_file_that_others_can_open_is_refused(file: Path, tmp_path: Path, mode: int) -> None:
    file.chmod(mode)
    link = tmp_path / "link"
    link.symlink_to(file)
    for path in (file, link):
        with pytest.raises(UsageError, match=re.escape(f"{path} has mode {mode:04o}")) as refusal:
            Credentials.from_file(path)
        assert str(refusal.value).endswith(f"chmod 600 {path}")


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match=f"belongs to user {owner}, and this process is user {owner + 1}: chown"):
        Credentials.from_file(file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path, told in ((pipe, "no regular file"), (tmp_path, "no regular file"), (tmp_path / "none", "can't be read")):
        with pytest.raises(UsageError, match=told) as refusal:
            Credentials.from_file(path)
        assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"api_key = key\napi_secret = {SECRET} \u00e9\n", "api_secret holds"),
        (f"api_key = k\u00e9y\napi_secret = {SECRET}\n", "api_key holds"),
        (f"api_key = key\n{SECRET}\n", "line 2 is no"),
        ("api_key = key\n", "is missing"),
    ],
)
def test_a_file_that_makes_no_sense(file: Path, content: str, told: str) -> None:
    file.write_text(content)
    with pytest.raises(UsageError, match=told) as refusal:
        Credentials.from_file(file)
    assert str(file) in str(refusal.value)
    assert "hidden" not in str(refusal.value)
    assert refusal.value.__context__ is None or "hidden" not in repr(refusal.value.__context__)


def test_no_descriptor_is_left_open(file: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for mode in (0o600, 0o644):
        file.chmod(mode)
        try:
            Credentials.from_file(file)
        except UsageError:
            assert mode == 0o644
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == before


def test_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        ("mexc", "api_key"): "key",
        ("mexc", "api_secret"): SECRET,
        ("other", "id"): "key",
        ("other", "word"): SECRET,
    }
    stub = types.ModuleType("keyring")
    stub.get_password = lambda service, name: kept.get((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", stub)
    assert signs(Credentials.from_keyring("mexc"))
    assert signs(Credentials.from_keyring("other", "id", "word"))
    with pytest.raises(UsageError, match="no 'api_key' of 'none': `keyring set none api_key`"):
        Credentials.from_keyring("none")


def test_without_the_keyring_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match=r"pip install 'spotlane\[keyring\]'"):
        Credentials.from_keyring("mexc")


async def test_from_a_provider() -> None:
    given = bytearray(SECRET.encode())
    assert signs(Credentials.from_provider(lambda: ("key", given)))
    assert given == bytes(len(SECRET))

    async def later() -> tuple[str, Secret]:
        return "key", Secret(SECRET)

    assert signs(await Credentials.from_async_provider(later))
    with pytest.raises(UsageError, match=r"await Credentials\.from_async_provider"):
        Credentials.from_provider(later)  # type: ignore[arg-type]
    for wrong in (None, ["key", SECRET], ("key",), "key"):
        with pytest.raises(UsageError, match="a tuple of key and secret"):
            Credentials.from_provider(lambda wrong=wrong: wrong)  # type: ignore[misc]


async def test_each_source_is_asked_again(file: Path) -> None:
    turns: list[str] = []

    def provide() -> tuple[str, str]:
        turns.append("asked")
        return "key", SECRET

    async def provide_later() -> tuple[str, str]:
        return provide()

    environment = {"K": "old", "S": "old"}
    rewrite(file, "old", "old")
    sources = [
        Credentials.from_environment("K", "S", environment),
        Credentials.from_file(file),
        Credentials.from_provider(provide),
        await Credentials.from_async_provider(provide_later),
    ]
    environment.update(K="key", S=SECRET)
    rewrite(file, "key", SECRET)
    for source in sources:
        renewed = await source.renewed()
        assert signs(renewed)
        assert renewed is not source
        assert signs(await renewed.renewed())
    assert len(turns) == 6
    with pytest.raises(UsageError, match="made from texts"):
        await Credentials("key", SECRET).renewed()


def test_wiped_credentials_sign_nothing() -> None:
    credentials = Credentials("key", SECRET)
    signer = credentials.signer("sha256")
    assert credentials.signer("sha256") is signer
    credentials.wipe()
    uses: list[Callable[[], object]] = [
        lambda: signer.hexdigest(b""),
        lambda: credentials.signer("sha512"),
        lambda: credentials.hand_over(1, {}),
    ]
    for use in uses:
        with pytest.raises(StateError, match="was wiped"):
            use()


def test_what_the_system_does_not_do_is_told_once_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SHORTFALLS", {})
    for _ in range(3):
        module._note_protection(Protection(is_locked=False, is_undumped=True, is_unforked=True))
    assert module.SHORTFALLS == {"is_locked": 3}
    assert [(record.levelno, "RLIMIT_MEMLOCK" in record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_MEMLOCK is enforced there")
def test_memory_that_can_not_be_locked_works_all_the_same() -> None:
    import subprocess

    script = (
        "import logging, resource; logging.basicConfig(format='%(levelname)s %(message)s')\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "import os\n"
        "from spotlane import Credentials\n"
        # The superuser may lock all the same.
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "made = [Credentials('key', 'secret') for _ in range(2)]\n"
        "print(made[0].protection.is_locked, len(made[0].signer('sha256').hexdigest(b'')))\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert finished.stdout == "False 64\n"
    assert finished.stderr.count("WARNING the memory of a secret could not be locked") == 1
