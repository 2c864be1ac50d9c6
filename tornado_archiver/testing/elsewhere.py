"""The same archive in another process: another worker, or the next start of the service."""

import os
import pickle
import subprocess
import sys

from tornado_archiver.manifest import Manifest
from tornado_archiver.testing.stage import ConformanceBase

_ASKED = """
import asyncio, pickle, sys
suite, manifest = pickle.load(sys.stdin.buffer)
print(asyncio.run(suite.make_backend().open(manifest)).info.etag)
"""


def etag_in_subprocess(suite: ConformanceBase, manifest: Manifest) -> str:
    """What another process says, in which strings have other hashes. It imports the module of the suite."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
    asked = [sys.executable, "-c", _ASKED]
    given = pickle.dumps((suite, manifest))
    answer = subprocess.run(asked, input=given, stdout=subprocess.PIPE, env=environment, check=True)
    return answer.stdout.decode().strip()
