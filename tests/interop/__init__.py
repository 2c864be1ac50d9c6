"""Which of other people's programs open what the planned backends make: docs/interop.md, made by running it.

`python -m tests.interop --write` writes the tables anew; `test_matrix` holds them against what it finds.
"""
