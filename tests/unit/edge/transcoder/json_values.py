"""JSON values to put into every field, and those that our decoder refuses where json_format takes them."""

from google.protobuf.descriptor import FieldDescriptor

from edge.transcoder.field_rules import is_map, is_value
from edge.transcoder.json_scalars import INTEGER_BOUNDS
from edge.transcoder.json_wellknown import WRAPPERS

_NUMBERS = """null|true|false|0|1|-1|1.0|1.5|-0.0|1e3|1e400|2147483647|2147483648|-2147483649|4294967296
|9223372036854775808|18446744073709551615|18446744073709551616|9007199254740993|3.5e38|1e39""".replace("\n", "").split(
    "|"
)
_STRINGS = """|1|-1|1.0|1.5|1e3| 1|1 |+1|1_0|01|0x1|NaN|Infinity|-Infinity|nan|inf|infinity|1e40|true|false|True|abc
|a-_b|a+/b|a|YQ==|YQ=|YQ|YQ===|Y Q=|CONTENT_POLICY_OPEN|content_policy_open|open|ONE|NULL_VALUE|\\ud800|\\ud83d\\ude00
|2020-01-01T00:00:00Z|2020-01-01t00:00:00z|2020-01-01T00:00:00.123456789Z|2020-01-01T00:00:00.1234567891Z
|2020-1-1T0:0:0Z|2020-01-01T00:00:00+01:00|2020-01-01T00:00:00-08:30|2020-01-01T00:00:00+99:99|2020-01-01T00:00:00
|2020-02-30T00:00:00Z|2020-01-01T00:00:60Z|0001-01-01T00:00:00Z|9999-12-31T23:59:59.999999999Z|0000-01-01T00:00:00Z
|2020-01-01T00:00:00.Z|2020-01-01|3s|-3.5s|3.1234567891s|3|+3s|315576000000s|315576000001s|1e3s|.5s|3.s
|a,bC|a_b|a,,b|a.bC|A""".replace("\n", "").split("|")
_CONTAINERS = """[]~[null]~[1]~["a"]~[[]]~[{}]~{}~{"a":1}~{"a":null}~{"a":"b"}~{"1":"x"}~{"01":"x"}~{"1":1}
~{"true":"YQ=="}~{"True":"YQ=="}~{"a":{}}~{"@type":"x.y/google.protobuf.Duration","value":"3s"}~{"@type":"x.y/nope.Nope"}~{"value":"3s"}
~{"@type":"x.y/test.v1.Everything","int32Value":1}~{"@type":"x.y/test.v1.Everything","value":{}}~{"@type":1}
""".replace("\n", "").split("~")

JSON_VALUES = (*_NUMBERS, *(f'"{text}"' for text in _STRINGS), *_CONTAINERS)

_MISSPELT = ('" 1"', '"1 "', '"+1"', '"1_0"', '"01"')
_TIMES = tuple(f'"{text}"' for text in _STRINGS if text.startswith(("2020-", "0001-", "9999-", "0000-")))
_DOUBLE = ("true", "false", *_MISSPELT, '"inf"', '"infinity"')
_NULL = ("true", "false", "1.5", "4294967296", *_MISSPELT)

DEVIATIONS: dict[str, tuple[str, ...]] = {
    "integer": ('"+1"', '"1_0"', '"01"'),
    "double": _DOUBLE,
    "float": (*_DOUBLE, '"1e40"'),
    "null": _NULL,
    "enum": (*_NULL, "9007199254740993"),
    "message": ('""', "[]"),
    "messages": ("[[]]",),
    "integer keys": ('{"01":"x"}',),
    "time": ('"2020-1-1T0:0:0Z"', '"2020-01-01T00:00:00+99:99"', '"2020-01-01T00:00:00.Z"'),
    "duration": ('"3.1234567891s"', '"+3s"', '"3.s"'),
    "value": ("1e400",),
    # json_format drops characters that are not base64 and then takes what is left, if its length fits.
    "bytes": (
        *('"YQ==="', '"Y Q="', '"\\ud83d\\ude00"', '"-3.5s"', '"3.1234567891s"', '"a,bC"', '"a,,b"', '"a.bC"'),
        *(time for time in _TIMES if time not in {'"2020-1-1T0:0:0Z"', '"2020-01-01T00:00:00"', '"2020-01-01"'}),
    ),
    # json_format takes any string without an underscore as a path.
    "mask": tuple(
        f'"{text}"'
        for text in _STRINGS
        if text
        and "_" not in text
        and text != "\\ud800"
        and (text in {"a,,b"} or not text.replace(",", "").replace(".", "").isalpha())
    ),
}
"""By kind of field: what our decoder refuses and json_format takes."""

_KINDS = {
    FieldDescriptor.CPPTYPE_DOUBLE: "double",
    FieldDescriptor.CPPTYPE_FLOAT: "float",
    FieldDescriptor.CPPTYPE_ENUM: "enum",
    **dict.fromkeys(INTEGER_BOUNDS, "integer"),
}
_MESSAGES = {
    "google.protobuf.Timestamp": "time",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "mask",
    "google.protobuf.Value": "value",
    "google.protobuf.Empty": "message",
    "test.v1.Everything": "message",
}


def kind_of_field(field: FieldDescriptor) -> str:
    """What the deviations are listed by; an empty string for a kind that has none."""
    if is_map(field):
        return "integer keys" if field.name == "by_int32" else ""
    if field.is_repeated:
        return "messages" if field.name == "children" else ""
    if field.message_type is None:
        return _kind_of_scalar(field)
    if field.message_type.full_name in WRAPPERS:
        return _kind_of_scalar(field.message_type.fields_by_name["value"])
    return _MESSAGES.get(field.message_type.full_name, "")


def _kind_of_scalar(field: FieldDescriptor) -> str:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes"
    return "null" if is_value(field) else _KINDS.get(field.cpp_type, "")
