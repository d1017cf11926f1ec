"""Providers as facts and dialects: pure code without I/O, clock or randomness."""
