"""The built-in provider: models that need neither a key nor a network, and always answer the same.

What they say is a script, made by `script.play` out of the request alone; a transport plays it. Pure.
"""
