"""Tar archives: `plain` (seekable) and `compressed` (streaming), with the same `headers`."""
