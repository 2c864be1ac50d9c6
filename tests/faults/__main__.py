"""`python -m tests.faults` tells how every fault ends with every backend; `--write`: to docs/faults.md.

Words behind it play only the faults that have them in their names; the other rows stay as they are.
"""

import contextlib
import sys

from tests.faults import page
from tests.faults.groups import GROUPS
from tests.faults.stage import stage

words = [word for word in sys.argv[1:] if word != "--write"]
rows = {}
with contextlib.redirect_stdout(None), stage() as opened:  # the servers print their logs at their end
    for group in GROUPS:
        for fault in group.faults:
            if all(word in f"{group.title}: {fault.name}" for word in words):
                rows[group.title, fault.name] = page.row(opened, group, fault)
                print(group.title, *rows[group.title, fault.name], sep=" | ", flush=True, file=sys.__stdout__)
if "--write" in sys.argv:
    page.write_page(page.committed() | rows)
