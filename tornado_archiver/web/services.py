"""The services of the request handlers: storage, backends, admission, rate limiter and link keys.

`server.bootstrap` creates them once per generation.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tornado_archiver.backend import Archive, Backend
from tornado_archiver.errors import ArchiveTooLargeError, StorageUnavailableError
from tornado_archiver.limits.admission import AdmissionControl
from tornado_archiver.limits.rate import RateLimiter
from tornado_archiver.links.link import ArchiveLink
from tornado_archiver.links.names import download_file_name, has_extension, top_folder
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.runtime.threads import run_in_thread
from tornado_archiver.source import Manifest, Storage
from tornado_archiver.sources.local.access import PASSING_RETRY_S
from tornado_archiver.sources.manifest_pool import ManifestPool
from tornado_archiver.sources.selection import beneath_folder, select
from tornado_archiver.web.rendering.renderer import PageRenderer


@dataclass(frozen=True, slots=True)
class Services:
    """The services that handlers share.

    `backends`: those of all offered formats, the default first. `link_keys`: if set, links must be signed.
    `download_name` and `top_folder`: templates of the file name without suffix and of the folder in the
    archive ("" for none), see `links.names`. `max_bytes`: limit of the files in one archive, 0 for no limit.
    `scan_timeout_s`: time limit of a directory scan in seconds, 0 for no limit. `renderer`: renders pages
    with the owner's templates.
    """

    storage: Storage
    backends: Sequence[Backend]
    admission: AdmissionControl
    rate_limiter: RateLimiter
    link_keys: LinkSigner | None = None
    download_name: str = "{name}"
    top_folder: str = ""
    max_bytes: int = 0
    scan_timeout_s: float = 0
    _manifests: ManifestPool = field(default_factory=ManifestPool)
    renderer: PageRenderer = field(default_factory=PageRenderer)

    async def scan(self, link: ArchiveLink) -> Manifest:
        """Return the manifest of what the link opens, without the top folder.

        Raise StorageUnavailableError after `scan_timeout_s`. The scan is cancelled then, but a thread that
        hangs in a dead mount stays blocked. Raise ArchiveTooLargeError, and like `Storage.scan`.
        """
        try:
            async with asyncio.timeout(self.scan_timeout_s or None):
                manifest = await self.storage.scan(link.source_hash)
        except TimeoutError:
            raise StorageUnavailableError(
                f"the directory scan did not end within {self.scan_timeout_s:g} s",
                retry_after_s=PASSING_RETRY_S,
            ) from None
        if link.files:
            manifest = await run_in_thread(self._select, manifest, link.files)
        self._check_size(manifest)
        return manifest

    async def open(self, link: ArchiveLink, manifest: Manifest, backend: Backend) -> Archive:
        """Return the archive of a scanned manifest, with the top folder. Raise like `Backend.open`."""
        if self.top_folder:
            folder = top_folder(self.top_folder, link, backend.extension, manifest.entries)
            manifest = await run_in_thread(self._beneath_folder, manifest, link.files, folder)
        return await backend.open(manifest)

    def _select(self, manifest: Manifest, files: tuple[str, ...]) -> Manifest:
        return self._manifests.intern((manifest.source, files), select(manifest, files))

    def _beneath_folder(self, manifest: Manifest, files: tuple[str, ...], folder: str) -> Manifest:
        return self._manifests.intern((manifest.source, files, folder), beneath_folder(manifest, folder))

    def _check_size(self, manifest: Manifest) -> None:
        if self.max_bytes and sum(entry.size for entry in manifest.entries) > self.max_bytes:
            raise ArchiveTooLargeError(f"the archive has more than {self.max_bytes} bytes (max-bytes)")

    def backends_for(self, link: ArchiveLink) -> Sequence[Backend]:
        """Return the backends whose archives the link can name, the preferred one first.

        For a link that ends in a file name, those with the longest extension that matches it.
        """
        if not link.file_name:
            return self.backends
        matching = [each for each in self.backends if has_extension(link.file_name, each.extension)]
        longest = max((len(each.extension) for each in matching), default=0)
        return [each for each in matching if len(each.extension) == longest]

    def download_filename(self, link: ArchiveLink, manifest: Manifest, backend: Backend) -> str:
        """Return a file name for the download that is valid on every system."""
        return download_file_name(self.download_name, link, backend.extension, manifest.entries)
