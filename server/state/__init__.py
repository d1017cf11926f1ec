"""What replicas have to agree on: rates, log-in throttles, notices. In memory, or in Valkey or Redis, chosen by URL."""
