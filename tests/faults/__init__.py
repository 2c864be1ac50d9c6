"""What happens when something goes wrong: docs/faults.md, made by letting it go wrong.

`python -m tests.faults --write` writes the tables anew; `test_faults` holds them against what it finds, and
holds every transfer to the one rule: what a client takes for a whole archive is one.
"""
