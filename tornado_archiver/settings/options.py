"""Declares every setting: one field of `Settings` holds its default, type, help text and names.

A new setting is one field here. Its flag, environment variable and config file key follow from the field's
name. `python -m tornado_archiver.settings.output` then updates the config file and the documentation.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from tornado_archiver.settings import types
from tornado_archiver.settings.option import BackendSources, Option, option

DEMO_PHOTOS = Path(__file__).resolve().parents[1] / "demo" / "photos"
VARIABLE_PREFIX = "ARCHIVER_"
# Kubernetes sets these in every container if there is a service named "archiver"
KUBERNETES_VARIABLES = re.compile(rf"{VARIABLE_PREFIX}(SERVICE|PORT_[0-9]+)_\w+")
DEFAULT = "default"  # the origin of a setting that no source gives


@dataclass(frozen=True)
class Settings:
    """The values that the service runs with.

    `origins` names the source of each value. `warnings` are lines about variables that resemble a setting.
    `print_config` and `check` are requests to print or check the settings instead of serving.
    `backend_sources` has the texts for the settings of backends.
    """

    host: tuple[str, ...] = option(
        "127.0.0.1",
        types.HOSTS,
        "Addresses to listen on. :: is IPv6 only. unix:/run/archiver.sock is a Unix socket, for a proxy on "
        "the same machine.",
        section="Server",
        short_flag="-H",
    )
    port: int = option(
        "7777",
        types.integer(0, 65535),
        "Port to listen on, except for Unix sockets. 0 chooses a free port.",
        short_flag="-P",
        env="PORT",
    )
    workers: int = option(
        "1",
        types.integer(1, 64),
        "Number of worker processes. Each one uses one CPU core. A worker that dies is replaced.",
    )
    trusted_proxies: tuple[types.Network, ...] = option(
        "127.0.0.1,::1", types.NETWORKS, "Proxies whose X-Forwarded-For and X-Request-ID headers are trusted."
    )
    max_header_size: int = option(
        "16KiB",
        types.HEADER_SIZE,
        "Maximum size of a request's header section, request line included. A larger one gets status 431.",
    )

    photos_dir: Path = option(
        "demo/photos",
        types.PATH,
        "Directory that contains the directories to archive.",
        section="Archives",
        env="PHOTOS_DIR",
        value=DEMO_PHOTOS,
    )
    backend: str = option(
        "stored-zip",
        types.NAME,
        "Default archive format: stored-zip or tar (known length, resumable), zip or tar.gz (compressed), or "
        "the name of an installed backend.",
    )
    formats: tuple[str, ...] = option(
        "", types.NAMES, "Further formats that a link can request with ?format=NAME."
    )
    compression_level: int = option(
        "6",
        types.integer(0, 9),
        "Compression level of zip and tar.gz: 0 is the fastest, 9 makes the smallest archive.",
    )
    stored_threshold: int = option(
        "64MiB",
        types.SIZE,
        "Largest file that stored-zip reads before it sends it, so that every unzip program can read the "
        "entry. A larger file is sent as stored deflate blocks.",
    )
    download_name: str = option(
        "{name}",
        types.FILE_NAME,
        "File name of a download; a suffix such as .zip is added. {name} is the name in the link, else that "
        "of the directory. {hash} is the name of the directory, {date} the day of the newest file in UTC.",
    )
    top_folder: str = option(
        "",
        types.OPTIONAL_FILE_NAME,
        "Folder in the archive that contains everything, with the placeholders of download-name, so that "
        "unpacking creates one folder.",
    )
    cors_origin: tuple[str, ...] = option(
        "",
        types.ORIGINS,
        "Web sites whose scripts are allowed to read ?info from a browser, or * for all.",
    )

    include_hidden: bool = option(
        "no",
        types.BOOL,
        "Include files and directories whose names start with a dot.",
        section="Archive contents",
    )
    include_junk: bool = option(
        "no",
        types.BOOL,
        "Include files that FTP clients, browsers, file managers, exiftool and NAS systems leave behind, "
        "such as Thumbs.db, __MACOSX, @eaDir, #recycle, 1.jpg.part and 1.jpg_original.",
    )
    follow_symlinks: bool = option(
        "no", types.BOOL, "Include the target of a symbolic link if it is inside the same directory."
    )
    on_unreadable: str = option(
        "abort",
        types.choice("abort", "report"),
        "Handling of unreadable files: abort refuses the whole archive, report leaves the file out and lists "
        "it in a text file in the archive.",
    )
    settle_time: float = option(
        "5s",
        types.duration(types.HOUR),
        "Refuse an archive with status 503 while a file in it is being uploaded: it was modified less than "
        "this ago, or a process holds it open for writing. 0 turns this off.",
    )
    max_entries: int = option(
        "200000",
        types.integer(0, 10**9),
        "Maximum number of files and directories in an archive. A larger one gets status 413. "
        "0 means no limit.",
    )
    max_bytes: int = option(
        "0",
        types.SIZE,
        "Maximum total size of the files in an archive. A larger one gets status 413. 0 means no limit.",
    )

    max_downloads: int = option(
        "1000",
        types.integer(0, 10_000),
        "Maximum number of concurrent downloads in all workers together. 0 means no limit.",
        section="Download limits",
    )
    max_downloads_per_client: int = option(
        "32",
        types.integer(0, 10_000),
        "Maximum number of concurrent downloads of one client: an IPv4 address or an IPv6 /64. "
        "0 means no limit.",
    )
    queue_timeout: float = option(
        "10s",
        types.duration(types.HOUR),
        "How long a download above these limits waits for a free slot before it gets status 503.",
    )
    rate_limit: int = option("0", types.SIZE, "Maximum bytes per second of one download. 0 means no limit.")
    total_rate_limit: int = option(
        "0", types.SIZE, "Maximum bytes per second of all downloads together. 0 means no limit."
    )

    stall_timeout: float = option(
        "5m",
        types.duration(types.DAY),
        "Abort a download after this long without progress: the client does not read, or the storage does "
        "not respond. Also the time limit of a directory scan. 0 means no limit.",
        section="Timeouts",
    )
    idle_timeout: float = option(
        "1m",
        types.duration(types.HOUR),
        "Close a connection that is idle, or sends an incomplete header section, for this long. "
        "0 means no limit.",
    )
    drain_timeout: float = option(
        "30s",
        types.duration(types.DAY),
        "How long running downloads can continue after SIGTERM before they are aborted.",
    )

    link_secret: tuple[str, ...] = option(
        "",
        types.SECRETS,
        "Keys for signed links, separated by commas. The first key signs, all keys are accepted. If a key is "
        "set, a link needs ?expires= and &signature=. Other users of the machine can see a flag: prefer "
        "--link-secret-file.",
        section="Signed links",
        secret=True,
    )
    link_secret_file: Path | None = option(
        "", types.OPTIONAL_PATH, "File with keys for signed links, one key per line."
    )

    site_name: str = option(
        "",
        types.LINE,
        "Name of the site at the top of error pages.",
        section="Pages",
    )
    site_url: str = option(
        "",
        types.SITE_URL,
        "Address that the name of the site links to. Without a name its host is shown.",
    )
    templates_dir: Path | None = option(
        "",
        types.OPTIONAL_PATH,
        "Directory with templates that replace the built-in pages, such as error.html and busy.html. "
        "They are checked at the start.",
    )

    admin_host: tuple[str, ...] = option(
        "127.0.0.1",
        types.HOSTS,
        "Addresses to listen on for /status, /metrics and /readyz.",
        section="Monitoring and logging",
    )
    admin_port: int = option(
        "0",
        types.integer(0, 65535),
        "Port to listen on for /status, /metrics and /readyz. 0 turns them off, except for a Unix socket in "
        "admin-host.",
    )
    enable_logging: bool = option(
        "no", types.BOOL, "Write an access log line for each request to standard error.", env="ENABLE_LOGGING"
    )
    log_format: str = option(
        "text", types.choice("text", "json"), "Format of the log: lines of text, or one JSON object per line."
    )
    check_environment: bool = option(
        "no",
        types.BOOL,
        "Warn of each environment variable that resembles a setting, also if it lacks the prefix ARCHIVER_. "
        "For a container, whose variables are all meant for this service.",
    )

    enable_response_delay: bool = option(
        "no",
        types.BOOL,
        "Pause before each chunk of at most 64 KiB of an archive, to simulate slow downloads.",
        section="Simulation of slow downloads",
        env="ENABLE_RESPONSE_DELAY",
    )
    response_delay: float = option(
        "1s",
        types.duration(types.HOUR),
        "Length of the pause before each chunk if enable-response-delay is on.",
        env="RESPONSE_DELAY",
    )

    print_config: bool = False
    check: bool = False
    origins: Mapping[str, str] = field(
        default_factory=lambda: {each.name: DEFAULT for each in OPTIONS}, compare=False
    )
    warnings: tuple[str, ...] = field(default=(), compare=False)
    backend_sources: BackendSources = field(
        default=BackendSources(), compare=False, repr=False
    )  # has secrets


OPTIONS: tuple[Option, ...] = tuple(
    Option(**{"name": each.name, "env": VARIABLE_PREFIX + each.name.upper(), **each.metadata})
    for each in fields(Settings)
    if each.metadata
)
CONFIG = Option(
    "config", "", types.PATH, "Config file with settings.", env="ARCHIVER_CONFIG", short_flag="-c"
)


def variable_prefix(backend: str) -> str:
    """Return the beginning of the environment variables of a backend: ARCHIVER_TAR_XZ_ for tar.xz."""
    return VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]", "_", backend.upper()) + "_"


def owner_of_variable(variable: str, backends: Iterable[str]) -> str | None:
    """Return the backend whose prefix the variable has; the longest one, because tar.xz is not tar."""
    owners = [name for name in backends if variable.startswith(variable_prefix(name))]
    return max(owners, key=len, default=None)
