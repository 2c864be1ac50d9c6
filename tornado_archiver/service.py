"""What a request needs: where sources come from, and who packs them. Built once, in `main`."""

from collections.abc import Sequence
from dataclasses import dataclass

from tornado_archiver.backend import Backend
from tornado_archiver.storage import Storage


@dataclass(frozen=True, slots=True)
class Service:
    """`backends`: every one that a link may ask for, the default first. `download_name`: template of the
    file name without suffix, with `{hash}`. `response_delay_s`: seconds between two chunks."""

    storage: Storage
    backends: Sequence[Backend]
    download_name: str = "{hash}"
    response_delay_s: float = 0

    def backend(self, name: str | None) -> Backend | None:
        """The backend of that name, the default one for None; None when it is not offered."""
        if name is None:
            return self.backends[0]
        return next((backend for backend in self.backends if backend.name == name), None)

    def file_name(self, source_hash: str, backend: Backend) -> str:
        """What the download is saved as."""
        return self.download_name.format(hash=source_hash) + backend.suffix
