"""The generic REST transcoder: path templates, bindings and JSON codecs compiled from descriptors.

It knows no service by name and must not: everything comes from `google.api.http` and `perpetuo.rest.v1` options.
"""
