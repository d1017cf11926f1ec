"""How loaded upstreams are, who is asked of those that are equal, and who has to wait for a place."""
