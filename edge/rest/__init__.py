"""Shapes of the REST face that are not made from the protos and so are written out."""
