"""Third-party readers with archives of the seekable backends: docs/compatibility.md.

`python -m tests.interop --write` writes the tables; `test_matrix` compares them with new results.
"""
