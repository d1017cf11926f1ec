"""Things by workspace: found until they are too old, bounded in bytes, and in equal shares where there is no room."""

import math

from server.cache.shelves import Shelves


def test_a_thing_is_found_until_it_is_too_old_and_takes_the_place_of_an_older_one() -> None:
    shelves = Shelves[str](1600, ttl_s=60.0)
    assert shelves.put(("w", b"k"), "a", 100, now_s=0.0)
    assert shelves.put(("w", b"k"), "b", 50, now_s=10.0)
    assert (shelves.find(("w", b"k"), 60.0, math.inf), len(shelves), shelves.size_bytes) == ("b", 1, 50)
    assert shelves.find(("w", b"k"), 60.0, 20.0) is None
    assert shelves.find(("w", b"k"), 70.0, math.inf) is None
    assert (len(shelves), shelves.size_of("w")) == (0, 0)


def test_what_takes_more_than_a_share_is_refused() -> None:
    shelves = Shelves[str](1600, ttl_s=60.0)
    assert shelves.largest_bytes == 100
    assert not shelves.put(("w", b"k"), "a", 101, now_s=0.0)
    assert shelves.put(("w", b"k"), "a", 100, now_s=0.0)


def test_whoever_takes_most_gives_way() -> None:
    shelves = Shelves[int](1600, ttl_s=60.0)
    assert shelves.put(("quiet", b"k"), 0, 100, 0.0)
    for number in range(100):
        assert shelves.put(("loud", bytes([number])), number, 100, 0.0)
    assert (shelves.size_of("quiet"), shelves.size_of("loud")) == (100, 1500)
    assert shelves.find(("loud", b"\x00"), 0.0, math.inf) is None
