"""Anthropic's Messages as a face: its requests, answers and events.

Facts are those of the types in Anthropic's SDK.
"""
