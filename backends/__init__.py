"""The backends that come in the box, offered through the same door as an installed plugin's."""

from importlib.metadata import EntryPoint

from tornado_archiver.registry import GROUP

ENTRY_POINTS = (
    EntryPoint("stored-zip", "backends.stored_zip:StoredZip", GROUP),
    EntryPoint("tar", "backends.tar:Tar", GROUP),
    EntryPoint("zip", "backends.zip_program:ZipProgram", GROUP),
    EntryPoint("tar.gz", "backends.tar_gz:TarGz", GROUP),
)
