"""The gRPC core of Perpetuo. It runs alone with `python -m server`."""
