"""Manifests in use, so that a thousand downloads of one directory share its names in memory."""

from collections.abc import Hashable
from weakref import WeakValueDictionary

from tornado_archiver.source import Manifest


class ManifestPool:
    """The manifests of running downloads, by key. It does not keep a manifest alive."""

    def __init__(self) -> None:
        self._manifests: WeakValueDictionary[Hashable, Manifest] = WeakValueDictionary()

    def intern(self, key: Hashable, manifest: Manifest) -> Manifest:
        """Return the manifest of a running download with this key and the same content, else `manifest`."""
        known = self._manifests.get(key)
        if known is not None and known.is_same(manifest):
            return known
        self._manifests[key] = manifest
        return manifest
