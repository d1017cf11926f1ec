"""Who may call, and with whose credentials: users, passwords, tokens, gateway keys, and the vault for provider keys.

Secrets are hashed or sealed here before they reach storage, and opened only for the call that needs them. Nothing here
knows a transport: callers hand over strings and get a `Principal`, a `Deployment`, or the error that says why not.
"""
