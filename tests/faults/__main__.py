"""`python -m tests.faults` prints the result of every fault with every backend; `--write` updates the page.

Further arguments select the faults whose group or name contains all of them; the other rows are kept.
"""

import contextlib
import sys

from tests.faults import markdown
from tests.faults.fault_table import GROUPS
from tests.faults.server_fixture import server_fixture

words = [word for word in sys.argv[1:] if word != "--write"]
rows = {}
# the servers print their logs when they stop
with contextlib.redirect_stdout(None), server_fixture() as servers:
    for group in GROUPS:
        for fault in group.faults:
            if all(word in f"{group.title}: {fault.name}" for word in words):
                rows[group.title, fault.name] = markdown.row(servers, group, fault)
                print(group.title, *rows[group.title, fault.name], sep=" | ", flush=True, file=sys.__stdout__)
if "--write" in sys.argv:
    markdown.write_page(markdown.committed() | rows)
