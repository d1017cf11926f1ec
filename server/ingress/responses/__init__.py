"""OpenAI's Responses as a face: its requests, answers and events.

Facts are those of the types in OpenAI's SDK.
"""
