"""What a client can ask the server for, one module a subject; `sweeps.protocol.client` has all."""
