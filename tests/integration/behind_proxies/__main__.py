"""`python -m tests.integration.behind_proxies` prints the results of all proxies.

`--write` updates docs/proxies.md.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

from tests.integration.behind_proxies import page
from tests.integration.behind_proxies.configurations import CONFIGURATIONS
from tests.integration.behind_proxies.trial import archiver

rows = {}
with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
    running.enter_context(contextlib.redirect_stdout(None))  # the server prints its log when it stops
    server = running.enter_context(archiver(Path(directory)))
    for number, (name, start) in enumerate(CONFIGURATIONS.items()):
        home = Path(directory, str(number))
        home.mkdir()
        with start(server.port, home) as port:
            rows[name] = [server.seen(port, *cell) for cell in page.CELLS]
        print(name, *rows[name], sep=" | ", flush=True, file=sys.__stdout__)
if "--write" in sys.argv:
    page.write_page(rows)
