"""`python -m tests.interop` tells what every reader makes of every archive; `--write`: to docs/interop.md."""

import sys
import tempfile
from pathlib import Path

from tests.interop import matrix
from tests.interop.archives import Archives

with tempfile.TemporaryDirectory() as base:
    archives = Archives(Path(base))
    results = {}
    for cell in matrix.cells():
        results[cell] = matrix.found(archives, *cell)
        print(*cell, results[cell], sep=" | ", flush=True)
if "--write" in sys.argv:
    matrix.write(results)
