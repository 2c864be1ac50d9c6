"""`stored-zip`, planned: a zip whose length is known before its first byte and whose ranges are slices.

Photos do not get smaller by deflating them again, so contents are stored as they are. It needs no program.
"""

from typing import ClassVar

from tornado_archiver.backend import Archive, Backend, BackendOptions
from tornado_archiver.backends.stored_zip.layout import StoredZipLayout
from tornado_archiver.crc_cache import CrcCache
from tornado_archiver.planned import PlannedArchive, Plans
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.source import Manifest


class StoredZip(Backend):
    name: ClassVar[str] = "stored-zip"
    media_type: ClassVar[str] = "application/zip"
    extension: ClassVar[str] = ".zip"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._crcs = CrcCache()
        self._plans = Plans(lambda manifest: StoredZipLayout(manifest, options.stored_threshold))

    async def open(self, manifest: Manifest) -> Archive:
        plan = await run_in_thread(self._plans.of, manifest)
        return PlannedArchive(plan, manifest, self._crcs)
