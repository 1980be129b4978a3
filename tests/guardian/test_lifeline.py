"""What a guardian concludes from the pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from spotlane.guardian.lifeline import Lifeline, Verdict
from spotlane.transport import ManualClock

SECONDS = 8.0


class Ear:
    """A lifeline on a clock that stands still, and the bot's end of its pipe."""

    def __init__(self, received: bytes = b"") -> None:
        pipe, self.bot = os.pipe()
        self.pipe = pipe
        self.clock = ManualClock()
        self.beats = 0
        self.lifeline = Lifeline(pipe, seconds=SECONDS, clock=self.clock, on_beat=self._count, received=received)

    def _count(self) -> None:
        self.beats += 1

    @property
    def verdict(self) -> Verdict | None:
        decided = self.lifeline.verdict
        return decided.result() if decided.done() else None

    async def say(self, words: bytes) -> None:
        os.write(self.bot, words)
        for _ in range(3):
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        bot, self.bot = self.bot, -1
        os.close(bot)


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    yield ear
    ear.lifeline.close()
    os.close(ear.pipe)
    if ear.bot >= 0:
        ear.hang_up()


async def test_heartbeats_keep_it_waiting(ear: Ear) -> None:
    for beat in range(1, 10):
        ear.clock.advance(SECONDS - 0.001)
        assert ear.verdict is None
        await ear.say(b"beat\n")
        assert ear.beats == beat


async def test_silence(ear: Ear) -> None:
    ear.clock.advance(SECONDS / 2)
    await ear.say(b"beat\n")
    ear.clock.advance(SECONDS - 0.001)
    assert ear.verdict is None
    ear.clock.advance(0.002)
    assert ear.verdict is Verdict.SILENT


async def test_heartbeat_that_waits_in_the_pipe_counts(ear: Ear) -> None:
    os.write(ear.bot, b"beat\nbeat\n")
    # This process was held up itself, and its timer comes before its reader.
    ear.clock.advance(SECONDS + 1)
    assert ear.verdict is None
    assert ear.beats == 1
    ear.clock.advance(SECONDS)
    assert ear.verdict is Verdict.SILENT


async def test_end_of_the_pipe(ear: Ear) -> None:
    ear.hang_up()
    async with asyncio.timeout(5):
        assert await ear.lifeline.verdict is Verdict.GONE
    assert not ear.lifeline.is_off.is_set()


async def test_end_of_the_pipe_after_the_word(ear: Ear) -> None:
    os.write(ear.bot, b"beat\noff\n")
    ear.hang_up()
    async with asyncio.timeout(5):
        assert await ear.lifeline.verdict is Verdict.OFF
    assert ear.lifeline.is_off.is_set()


async def test_half_a_word_is_none(ear: Ear) -> None:
    await ear.say(b"of")
    ear.hang_up()
    async with asyncio.timeout(5):
        assert await ear.lifeline.verdict is Verdict.GONE


async def test_word_in_two_pieces(ear: Ear) -> None:
    await ear.say(b"of")
    await ear.say(b"f\n")
    assert ear.verdict is Verdict.OFF


async def test_other_words_are_no_heartbeats(ear: Ear) -> None:
    ear.clock.advance(SECONDS / 2)
    await ear.say(b"bea\nxbeat\n\n")
    ear.clock.advance(SECONDS / 2)
    assert (ear.beats, ear.verdict) == (0, Verdict.SILENT)


async def test_late_heartbeat_changes_nothing_but_is_told(ear: Ear) -> None:
    ear.clock.advance(SECONDS)
    await ear.say(b"beat\n")
    assert (ear.beats, ear.verdict) == (1, Verdict.SILENT)
    await ear.say(b"off\n")
    assert ear.verdict is Verdict.SILENT
    assert ear.lifeline.is_off.is_set()
