"""Thin servicers: a message in, one call of the core, a message out. Messages end here."""
