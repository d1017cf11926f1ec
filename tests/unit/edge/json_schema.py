"""Holds JSON values against schemas of an OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from openapi_schema_validator import OAS31Validator

Document = Mapping[str, Any]


def problems(value: object, schema: Mapping[str, Any], document: Document) -> list[str]:
    """What about the value does not fit the schema, which may refer to the document's components."""
    validator = OAS31Validator(
        {**schema, "components": document["components"]}, format_checker=OAS31Validator.FORMAT_CHECKER
    )
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]


def operations(document: Document) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation by method and path, such as `GET /books/{name}`."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def media_of(document: Document) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every body that the document describes, by where it stands."""
    for name, operation in operations(document):
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} takes {media_type}", media
        for status, response in operation["responses"].items():
            for media_type, media in response.get("content", {}).items():
                yield f"{name} answers {status} {media_type}", media
    for name, response in document["components"]["responses"].items():
        for media_type, media in response["content"].items():
            yield f"{name} {media_type}", media
