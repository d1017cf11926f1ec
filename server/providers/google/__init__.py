"""Google's Gemini API as an upstream: requests built from the chat message, answers and streams read back.

Pure. The facts are those of the vendor's SDK and its documentation, for the version `v1beta` of the API.
"""
