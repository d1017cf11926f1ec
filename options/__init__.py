"""How programs read their options, without knowing which; it imports no other package of ours."""
