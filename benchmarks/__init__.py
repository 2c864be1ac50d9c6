"""How fast the archives come, what they cost the server, and how that compares with what else one might use.

`make bench` runs it all and writes RESULTS.md and results.svg; `python -m benchmarks --help` tells the rest.
Linux only: the figures come from /proc and from socket options of its own.
"""
