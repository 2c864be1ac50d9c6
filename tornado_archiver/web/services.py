"""What a request needs: where sources come from, who packs them, who may come in and how fast. Built once, in
`main`."""

from collections.abc import Sequence
from dataclasses import dataclass

from tornado_archiver.admission import Admission
from tornado_archiver.backend import Backend
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.pacing import Pacing
from tornado_archiver.source import Storage
from tornado_archiver.sources.member_names import MAX_NAME_BYTES, portable_file_name

# Less than a file system takes, because clients add to the name: browsers ` (1)` and `.crdownload`, aria2
# `.aria2`. wget keeps 19 bytes free for such (CHOMP_BUFFER in its url.c), and cuts off the suffix otherwise.
_MAX_FILE_NAME_BYTES = MAX_NAME_BYTES - 19


@dataclass(frozen=True, slots=True)
class Services:
    """`backends`: every one that a link may ask for, the default first. `link_keys`: with them, a link needs
    a signature. `download_name`: template of the file name without suffix, with `{hash}`."""

    storage: Storage
    backends: Sequence[Backend]
    admission: Admission
    pacing: Pacing
    link_keys: LinkSigner | None = None
    download_name: str = "{hash}"

    def get_backend(self, name: str | None) -> Backend | None:
        """The backend of that name, the default one for None; None when it is not offered."""
        if name is None:
            return self.backends[0]
        return next((get_backend for get_backend in self.backends if get_backend.name == name), None)

    def download_filename(self, source_hash: str, get_backend: Backend) -> str:
        """What the download is saved as, on any system."""
        stem = self.download_name.format(hash=source_hash)
        return portable_file_name(stem, get_backend.extension, _MAX_FILE_NAME_BYTES)
