"""Limits: how many calls each plan allows, and whether one more is within it."""
