"""Faces beside chat completions: pure translators between their JSON and the chat message that the core speaks.

A face reads its own request into a `ChatRequest`, and turns a chat completion, whole or in chunks, into its own answer.
"""
