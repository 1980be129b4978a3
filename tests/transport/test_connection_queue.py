"""Who gets a connection when there are none left."""

from __future__ import annotations

import asyncio

import pytest

from spotlane._core.berths import Berths
from spotlane.transport.queue import Queue


def make(places: int, *, reserve: int = 0) -> tuple[Berths, Queue]:
    berths = Berths(
        places=places, reserve=reserve, retire_after_s=1.0, oldest_s=1.0, on_drop=lambda berth, is_due: None
    )
    return berths, Queue(berths)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_reserve_is_for_cancels_alone() -> None:
    berths, queue = make(2, reserve=1)
    await queue.enter(False)
    other = asyncio.create_task(queue.enter(False))
    await settle()
    assert not other.done()
    await queue.enter(True)
    assert berths.free == 0
    queue.leave()
    await settle()
    assert not other.done()
    queue.leave()
    await other


async def test_cancels_go_first_and_the_others_in_turn() -> None:
    _, queue = make(1)
    order: list[str] = []

    async def go(name: str, is_cancel: bool) -> None:
        await queue.enter(is_cancel)
        order.append(name)
        await asyncio.sleep(0)
        queue.leave()

    await queue.enter(False)
    async with asyncio.TaskGroup() as tasks:
        for name, is_cancel in (("a", False), ("b", False), ("c", True), ("d", False), ("e", True)):
            tasks.create_task(go(name, is_cancel))
        await settle()
        queue.leave()
    assert order == ["c", "e", "a", "b", "d"]


@pytest.mark.parametrize("is_granted", [False, True])
async def test_one_that_gives_up_waiting_keeps_no_place(is_granted: bool) -> None:
    berths, queue = make(1)
    await queue.enter(False)
    first, second = (asyncio.create_task(queue.enter(False)) for _ in range(2))
    await settle()
    if is_granted:
        queue.leave()
    first.cancel()
    if not is_granted:
        await settle()
        queue.leave()
    await second
    assert berths.free == 0
    assert berths.waiting == 0
    queue.leave()
    assert berths.has_place(False)
