"""What an update names: its mask, or what is set."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from perpetuo.v1 import keys_pb2

from server.errors import RequestInvalid
from server.services.masks import named_fields

CHANGEABLE = ("name", "allowed_models", "expires_at")


@pytest.mark.parametrize(
    ("request_message", "expected"),
    [
        pytest.param(keys_pb2.UpdateKeyRequest(key_id="key_1"), set(), id="nothing is set"),
        pytest.param(keys_pb2.UpdateKeyRequest(key_id="key_1", name="n"), {"name"}, id="what is set counts"),
        pytest.param(
            keys_pb2.UpdateKeyRequest(name="n", update_mask=FieldMask(paths=["expires_at"])),
            {"expires_at"},
            id="a mask wins over what is set",
        ),
        pytest.param(keys_pb2.UpdateKeyRequest(name="n", update_mask=FieldMask()), set(), id="an empty mask is none"),
    ],
)
def test_the_named_fields(request_message: keys_pb2.UpdateKeyRequest, expected: set[str]) -> None:
    assert named_fields(request_message, CHANGEABLE) == expected


@pytest.mark.parametrize("path", ["key_id", "workspace_id", "secret", "name.x", "*", ""])
def test_a_mask_that_names_anything_else_is_refused(path: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        named_fields(keys_pb2.UpdateKeyRequest(update_mask=FieldMask(paths=["name", path])), CHANGEABLE)
    assert raised.value.param == path
