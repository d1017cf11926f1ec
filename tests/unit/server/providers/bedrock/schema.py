"""The vendor's own description of its API as a judge: botocore's model of Bedrock's runtime."""

import base64
import json
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

Json = dict[str, Any]


@cache
def service() -> Any:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))


def shape_of(operation: str, *members: str, is_output: bool = False) -> Any:
    """The shape of an operation's input or output, or of a member within it."""
    model = service().operation_model(operation)
    shape = model.output_shape if is_output else model.input_shape
    for member in members:
        shape = shape.members[member]
    return shape


def decoded(value: Any, shape: Shape) -> Any:
    """The value with its base64 as the bytes that they are."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "blob":
        return base64.b64decode(value, validate=True)
    if kind == "structure" and isinstance(value, dict):
        members: Any = shape.members
        return {name: decoded(each, members[name]) if name in members else each for name, each in value.items()}
    if kind == "list":
        return [decoded(each, shape.member) for each in value]
    return value


def faults(value: Json, shape: Shape) -> str:
    """What is wrong with a value, empty if it fits. Members that are not known are faults."""
    report = ParamValidator().validate(decoded(value, shape), shape)
    return str(report.generate_report() + "".join(unknown(value, shape, "$")))


def unknown(value: Any, shape: Shape, path: str) -> list[str]:
    """The members that the description does not have, but for the padding of streamed events."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return []
    if kind == "structure" and isinstance(value, dict):
        members: Any = shape.members
        found = [f"{path}.{name} is not known. " for name in value if name not in members and name != "p"]
        inner = [unknown(each, members[name], f"{path}.{name}") for name, each in value.items() if name in members]
        return found + [fault for faults_ in inner for fault in faults_]
    if kind == "list":
        return [fault for each in value for fault in unknown(each, shape.member, f"{path}[]")]
    return []


def serialized(operation: str, model: str, body: Json) -> tuple[str, Json]:
    """The path and the body that the vendor's own library would send."""
    operation_model = service().operation_model(operation)
    parameters = decoded({"modelId": model, **body}, operation_model.input_shape)
    made = create_serializer("rest-json").serialize_to_request(parameters, operation_model)
    return made["url_path"], json.loads(made["body"])
