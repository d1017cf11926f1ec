"""Cohere's chat, version 2, and its embeddings.

Facts: the types of the vendor's own SDK (`cohere`), and its API reference.
"""
