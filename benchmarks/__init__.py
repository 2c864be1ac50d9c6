"""Benchmarks: speed and cost of the archives, compared with other implementations.

`make bench` runs all parts and writes RESULTS.md and results.svg; `python -m benchmarks --help` lists the
options. Linux only, because the results come from /proc and from Linux socket options.
"""
