"""What the options on chat messages say of their JSON."""

import pytest
from google.protobuf.descriptor import Descriptor
from perpetuo.v1 import chat_pb2

from server.services.chat_fields import forms_of, list_field_of, union_of


def descriptor_of(name: str) -> Descriptor:
    return chat_pb2.DESCRIPTOR.message_types_by_name[name]


def test_reads_the_options_of_fields() -> None:
    forms = {form.name: form for form in forms_of(descriptor_of("GatewayMetadata"))}
    cost = forms["cost_nanousd"]
    assert (cost.member, cost.is_dollars, cost.is_null_when_absent) == ("cost_usd", True, True)
    assert (forms["routed_to"].member, forms["routed_to"].is_dollars) == ("routed_to", False)
    tool = {form.name: form for form in forms_of(descriptor_of("FunctionDefinition"))}
    assert tool["parameters"].is_raw
    assert tool["extra"].is_extra


UNIONS = {"MessageContent": "kind", "StringOrList": "kind", "ChatMessage": None, "Extra": None}


@pytest.mark.parametrize(("name", "union"), UNIONS.items(), ids=UNIONS.keys())
def test_finds_the_union_that_a_message_stands_for(name: str, union: str | None) -> None:
    found = union_of(descriptor_of(name))
    assert (found.name if found else None) == union


LISTS = {"StringList": "values", "ContentParts": "parts", "Extra": None, "StreamOptions": None}


@pytest.mark.parametrize(("name", "field"), LISTS.items(), ids=LISTS.keys())
def test_finds_the_list_that_a_message_wraps(name: str, field: str | None) -> None:
    found = list_field_of(descriptor_of(name))
    assert (found.name if found else None) == field
