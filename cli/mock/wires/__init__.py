"""The dialects that the mock speaks, each as pure functions from an answer to its JSON."""
