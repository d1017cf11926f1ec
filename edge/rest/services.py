"""The services that the gateway's REST face offers: all that the protos of `perpetuo.v1` declare.

Found by looking through the generated modules, so that a new proto is served by being there.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import perpetuo.v1
from google.protobuf.descriptor import EnumDescriptor, ServiceDescriptor
from perpetuo.v1 import errors_pb2

TYPED_ERRORS_HEADER: Final = b"anthropic-version"
"""Anthropic's clients send it with every request, and read errors in Anthropic's form alone."""


def gateway_services() -> tuple[ServiceDescriptor, ...]:
    """Every service, by name of its file."""
    names = sorted(module.name for module in iter_modules(perpetuo.v1.__path__) if module.name.endswith("_pb2"))
    files = [import_module(f"perpetuo.v1.{name}").DESCRIPTOR for name in names]
    return tuple(service for file in files for service in file.services_by_name.values())


def gateway_reasons() -> EnumDescriptor:
    """The enum of error reasons."""
    return errors_pb2.ErrorReason.DESCRIPTOR
