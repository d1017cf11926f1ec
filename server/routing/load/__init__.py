"""How loaded upstreams are, how much they take, who is asked of equals, and whose turn it is."""
