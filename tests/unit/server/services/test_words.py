"""Enums and the words of the core."""

from perpetuo.v1 import auth_pb2, members_pb2, workspaces_pb2

from server.accounts.workspaces import CACHE_POLICIES, CONTENT_POLICIES, STRATEGIES, STREAM_MODES
from server.chat.principal import Plan, Role
from server.services.words import Words


def words(enum: object) -> list[str]:
    made = Words(enum)
    return [made.word(number, "") for number in range(1, 20) if not made.word(number, "").isdigit()]


def test_the_words_of_the_protos_are_those_of_the_core() -> None:
    assert words(auth_pb2.Plan) == [plan.value for plan in Plan]
    assert words(members_pb2.Role) == [role.value for role in Role]
    assert words(workspaces_pb2.Strategy) == list(STRATEGIES)
    assert words(workspaces_pb2.ContentPolicy) == list(CONTENT_POLICIES)
    assert words(workspaces_pb2.CachePolicy) == list(CACHE_POLICIES)
    assert words(workspaces_pb2.StreamMode) == list(STREAM_MODES)


def test_every_word_has_its_number_and_back() -> None:
    roles = Words(members_pb2.Role)
    assert [roles.number(role.value) for role in Role] == [1, 2, 3, 4]
    assert (roles.number("emperor"), roles.word(0, "member"), roles.word(99, "member")) == (0, "member", "99")
