"""Names are asked for once, for all who wait, and anew after a failure."""

import asyncio
import socket

import pytest

from server.upstream import address_book
from server.upstream.address_book import AddressBook, SystemResolver
from tests.unit.server.upstream.asking import Names


async def test_a_name_is_asked_for_once_for_all_who_wait() -> None:
    names = Names("127.0.0.1")
    book = AddressBook(names)
    found = await asyncio.gather(*(book.resolve("a.example", 80) for _ in range(5)))
    assert await book.resolve("a.example", 80) == found[0]
    assert names.asked == 1
    await book.resolve("a.example", 81)
    assert names.asked == 2


async def test_a_failure_is_not_remembered() -> None:
    names = Names()
    book = AddressBook(names)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await book.resolve("a.example", 80)
    assert names.asked == 2


async def test_who_leaves_does_not_end_it_for_the_others() -> None:
    book = AddressBook(Names("127.0.0.1"))
    first = asyncio.create_task(book.resolve("a.example", 80))
    second = asyncio.create_task(book.resolve("a.example", 80))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[0][4] == ("127.0.0.1", 80)


async def test_a_known_address_is_given_while_a_newer_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_book, "TTL_S", 0.0)
    names = Names("127.0.0.1")
    book = AddressBook(names)
    await book.resolve("a.example", 80)
    names.addresses = ("127.0.0.2",)
    assert (await book.resolve("a.example", 80))[0][4] == ("127.0.0.1", 80)
    await asyncio.sleep(0)
    assert (await book.resolve("a.example", 80))[0][4] == ("127.0.0.2", 80)
    names.addresses = ()
    for _ in range(3):
        assert (await book.resolve("a.example", 80))[0][4] == ("127.0.0.2", 80)
        await asyncio.sleep(0)
    monkeypatch.setattr(address_book, "STALE_S", 0.0)
    with pytest.raises(socket.gaierror):
        await book.resolve("a.example", 80)


async def test_names_that_hang_hold_up_no_other_work() -> None:
    resolver = SystemResolver()
    loop = asyncio.get_running_loop()
    assert await asyncio.gather(
        *(resolver.resolve("127.0.0.1", port) for port in range(1, 40)), loop.run_in_executor(None, bool, 1)
    )
    assert {thread.name.partition("_")[0] for thread in resolver._threads._threads} == {"names"}


async def test_the_system_knows_addresses_and_refuses_what_is_no_name() -> None:
    resolver = SystemResolver()
    assert (await resolver.resolve("127.0.0.1", 80))[0][4][:2] == ("127.0.0.1", 80)
    with pytest.raises(socket.gaierror):
        await resolver.resolve("a" * 70 + ".example", 80)
