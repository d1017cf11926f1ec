"""What shares notes and notices does so in the words of the protocols: the same methods, parameters and kinds."""

import inspect

import pytest

from server.chat.shared import Notes, Notices
from server.state.memory_notes import MemoryNotes, NoOthers
from server.state.valkey_notes import ValkeyNotes, ValkeyNotices

IMPLEMENTED = [(Notes, MemoryNotes), (Notes, ValkeyNotes), (Notices, NoOthers), (Notices, ValkeyNotices)]


@pytest.mark.parametrize(("protocol", "made"), IMPLEMENTED, ids=lambda kind: kind.__name__)
def test_an_implementation_has_what_the_protocol_says(protocol: type, made: type) -> None:
    methods = {name: method for name, method in vars(protocol).items() if not name.startswith("_")}
    assert methods
    for name, method in methods.items():
        own = getattr(made, name)
        assert inspect.signature(own) == inspect.signature(method), name
        assert inspect.iscoroutinefunction(own) is inspect.iscoroutinefunction(method), name
