"""The REST face of the gateway: a client of the protos that speaks HTTP and JSON."""
