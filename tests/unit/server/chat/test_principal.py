"""Callers and calls: the plans are the documented ones, and a call starts out as gRPC."""

from server.chat.principal import Call, Plan, Principal, Role


def test_the_plans_are_the_documented_ones() -> None:
    assert [plan.value for plan in Plan] == ["free", "pro", "enterprise"]


def test_a_call_without_more_is_a_grpc_call_without_knobs() -> None:
    call = Call("req_1", Principal("usr_1", "ws_1", Plan.FREE), 1.0, 2.0)
    assert (call.surface, call.client_request_id, dict(call.knobs)) == ("grpc", None, {})
    assert call.principal.allowed_models == ()


def test_a_role_covers_itself_and_those_before_it() -> None:
    covered = {role: [other.value for other in Role if role.covers(other)] for role in Role}
    assert covered == {
        Role.VIEWER: ["viewer"],
        Role.MEMBER: ["viewer", "member"],
        Role.ADMIN: ["viewer", "member", "admin"],
        Role.OWNER: ["viewer", "member", "admin", "owner"],
    }
