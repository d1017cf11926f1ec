"""Answers that serve more than once: exact, per workspace, and one upstream call for identical requests in flight."""
