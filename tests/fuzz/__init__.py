"""Fuzzing and DoS tests: malformed requests, floods of connections, slow clients.

`make test` runs a short version; `make fuzz` runs for minutes, with the results in docs/fuzzing.md.
Rule: only `test_parsers` imports the service; all other modules use it over the network.
"""
