"""The only way out: pooled connections to upstreams, their limits, event framing and the egress guard."""
