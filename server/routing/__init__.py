"""Where a request goes: candidates, complexity, what a failure leads to, and the attempt loop."""
