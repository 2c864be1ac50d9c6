"""The services of the request handlers: storage, backends, admission, rate limiter and link keys.

`server.bootstrap` creates them once per generation.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tornado_archiver.backend import Backend
from tornado_archiver.errors import StorageUnavailableError
from tornado_archiver.limits.admission import AdmissionControl
from tornado_archiver.limits.rate import RateLimiter
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.sources.local.access import PASSING_RETRY_S
from tornado_archiver.sources.member_names import MAX_NAME_BYTES, portable_file_name
from tornado_archiver.web.rendering.renderer import PageRenderer

# Less than file systems allow, because clients append to the name: browsers ` (1)` and `.crdownload`, aria2
# `.aria2`. wget reserves 19 bytes (CHOMP_BUFFER in its url.c) and truncates the suffix otherwise.
_MAX_FILE_NAME_BYTES = MAX_NAME_BYTES - 19


@dataclass(frozen=True, slots=True)
class Services:
    """The services that handlers share.

    `backends`: those of all offered formats, the default first. `link_keys`: if set, links must be signed.
    `download_name`: template of the file name without suffix, with `{hash}`. `scan_timeout_s`: time limit of
    a directory scan in seconds, 0 for no limit. `renderer`: renders pages with the owner's templates.
    """

    storage: Storage
    backends: Sequence[Backend]
    admission: AdmissionControl
    rate_limiter: RateLimiter
    link_keys: LinkSigner | None = None
    download_name: str = "{hash}"
    scan_timeout_s: float = 0
    renderer: PageRenderer = field(default_factory=PageRenderer)

    async def scan(self, source_hash: str) -> Manifest:
        """Return the manifest of that directory. Raise StorageUnavailableError after `scan_timeout_s`.

        The scan is cancelled then, but a thread that hangs in a dead mount stays blocked.
        """
        try:
            async with asyncio.timeout(self.scan_timeout_s or None):
                return await self.storage.scan(source_hash)
        except TimeoutError:
            raise StorageUnavailableError(
                f"the directory scan did not end within {self.scan_timeout_s:g} s",
                retry_after_s=PASSING_RETRY_S,
            ) from None

    def get_backend(self, name: str | None) -> Backend | None:
        """Return the backend with that name, the default one for None. Return None for an unknown name."""
        if name is None:
            return self.backends[0]
        return next((backend for backend in self.backends if backend.name == name), None)

    def download_filename(self, source_hash: str, backend: Backend) -> str:
        """Return a file name for the download that is valid on every system."""
        stem = self.download_name.format(hash=source_hash)
        return portable_file_name(stem, backend.extension, _MAX_FILE_NAME_BYTES)
