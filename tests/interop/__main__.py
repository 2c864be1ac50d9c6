"""`python -m tests.interop` prints the results of all readers; `--write` updates docs/compatibility.md."""

import sys

from tests.interop import matrix
from tests.interop.archives import archives

with archives() as made:
    results = {}
    for cell in matrix.cells():
        results[cell] = matrix.found(made, *cell)
        print(*cell, results[cell], sep=" | ", flush=True)
if "--write" in sys.argv:
    matrix.write_page(results)
