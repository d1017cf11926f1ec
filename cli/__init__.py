"""The `perpetuo` command."""
