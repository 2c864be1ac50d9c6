"""The table of settings: one row says everything about a setting, and all that shows or reads it comes
from there: its flag, variable, config file key, help and check.

A new setting is one row here and one typed field in `settings.Settings`.
"""

from pathlib import Path

from tornado_archiver.setting import Setting
from tornado_archiver.setting_types import (
    DAY,
    FILE_NAME,
    HEAD_SIZE,
    HOST,
    HOUR,
    NAME,
    NAMES,
    NETWORKS,
    OPTIONAL_PATH,
    PATH,
    SECRETS,
    SIZE,
    SWITCH,
    choice,
    duration,
    whole_number,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent

CONFIG = Setting(("-c", "--config"), "ARCHIVER_CONFIG", "", PATH, "Config file with settings.")

SETTINGS = (
    Setting(
        ("-H", "--host"),
        "ARCHIVER_HOST",
        "127.0.0.1",
        HOST,
        "Address to listen on; :: takes IPv6 alone.",
    ),
    Setting(
        ("-P", "--port"),
        "PORT",
        "7777",
        whole_number(0, 65535),
        "Port to listen on; 0 takes any free one.",
    ),
    Setting(
        ("--photos-dir",),
        "PHOTOS_DIR",
        str(PROJECT_ROOT / "demo" / "photos"),
        PATH,
        "Directory that holds the directories to archive.",
        default_shown="demo/photos",
    ),
    Setting(
        ("--backend",),
        "ARCHIVER_BACKEND",
        "stored-zip",
        NAME,
        "Backend that makes the archives: stored-zip or tar (known length, resumable), zip or tar.gz "
        "(compressed), or an installed one.",
    ),
    Setting(
        ("--formats",),
        "ARCHIVER_FORMATS",
        "",
        NAMES,
        "Further backends that a link may ask for with ?format=NAME.",
    ),
    Setting(
        ("--level",),
        "ARCHIVER_LEVEL",
        "6",
        whole_number(0, 9),
        "How hard to compress: 0 is fastest, 9 is smallest.",
    ),
    Setting(
        ("--stored-threshold",),
        "ARCHIVER_STORED_THRESHOLD",
        "64MiB",
        SIZE,
        "Largest file that stored-zip reads before it is sent, for the layout that every unzipper takes.",
    ),
    Setting(
        ("--download-name",),
        "ARCHIVER_DOWNLOAD_NAME",
        "{hash}",
        FILE_NAME,
        "Name of the downloaded file; {hash} is the directory's name, .zip or the like is always added.",
    ),
    Setting(
        ("--include-hidden",),
        "ARCHIVER_INCLUDE_HIDDEN",
        "no",
        SWITCH,
        "Pack names that start with a dot as well.",
    ),
    Setting(
        ("--include-litter",),
        "ARCHIVER_INCLUDE_LITTER",
        "no",
        SWITCH,
        "Pack as well what FTP clients, browsers, file managers, exiftool and NAS systems leave behind: "
        "Thumbs.db, __MACOSX, *.part, *.jpg_original, @eaDir, #recycle and the like.",
    ),
    Setting(
        ("--follow-symlinks",),
        "ARCHIVER_FOLLOW_SYMLINKS",
        "no",
        SWITCH,
        "Pack what a symbolic link points to, as long as it lies inside the same directory.",
    ),
    Setting(
        ("--workers",),
        "ARCHIVER_WORKERS",
        "1",
        whole_number(1, 64),
        "Processes that serve at once, each on a core of its own; one that dies is replaced.",
    ),
    Setting(
        ("--max-downloads",),
        "ARCHIVER_MAX_DOWNLOADS",
        "1000",
        whole_number(0, 10_000),
        "Most downloads that run at once, in all workers together; 0 is no limit.",
    ),
    Setting(
        ("--max-downloads-per-client",),
        "ARCHIVER_MAX_DOWNLOADS_PER_CLIENT",
        "32",
        whole_number(0, 10_000),
        "Most downloads that run at once for one client address; 0 is no limit.",
    ),
    Setting(
        ("--queue-timeout",),
        "ARCHIVER_QUEUE_TIMEOUT",
        "10s",
        duration(HOUR),
        "How long a download beyond these limits waits for its turn, before it is refused with 503.",
    ),
    Setting(
        ("--trusted-proxies",),
        "ARCHIVER_TRUSTED_PROXIES",
        "127.0.0.1,::1",
        NETWORKS,
        "Proxies whose X-Forwarded-For and X-Request-ID are believed.",
    ),
    Setting(
        ("--rate-limit",),
        "ARCHIVER_RATE_LIMIT",
        "0",
        SIZE,
        "Most bytes per second for one download; 0 is no limit.",
    ),
    Setting(
        ("--total-rate-limit",),
        "ARCHIVER_TOTAL_RATE_LIMIT",
        "0",
        SIZE,
        "Most bytes per second for all downloads together; 0 is no limit.",
    ),
    Setting(
        ("--max-entries",),
        "ARCHIVER_MAX_ENTRIES",
        "200000",
        whole_number(0, 10**9),
        "Most files and directories in one archive, beyond which it is refused with 413; 0 is no limit.",
    ),
    Setting(
        ("--max-bytes",),
        "ARCHIVER_MAX_BYTES",
        "0",
        SIZE,
        "Most bytes that the files of one archive may have together, refused with 413 beyond; 0 is no limit.",
    ),
    Setting(
        ("--on-unreadable",),
        "ARCHIVER_ON_UNREADABLE",
        "abort",
        choice("abort", "report"),
        "What to do about a file that cannot be read: give no archive (abort), or leave it out and list it "
        "in a text file in the archive (report).",
    ),
    Setting(
        ("--stall-timeout",),
        "ARCHIVER_STALL_TIMEOUT",
        "5m",
        duration(DAY),
        "A download that stands still for so long is cut: the visitor takes no byte, or nothing comes to be "
        "packed. A directory has as long to be looked through. 0 waits for ever.",
    ),
    Setting(
        ("--idle-timeout",),
        "ARCHIVER_IDLE_TIMEOUT",
        "1m",
        duration(HOUR),
        "How long a connection may stay idle, or take to send the head of a request; 0 waits for ever.",
    ),
    Setting(
        ("--max-header-size",),
        "ARCHIVER_MAX_HEADER_SIZE",
        "16KiB",
        HEAD_SIZE,
        "Largest head of a request, its address included.",
    ),
    Setting(
        ("--drain-timeout",),
        "ARCHIVER_DRAIN_TIMEOUT",
        "30s",
        duration(DAY),
        "How long downloads may go on after SIGTERM, before they are cut.",
    ),
    Setting(
        ("--link-secret",),
        "ARCHIVER_LINK_SECRET",
        "",
        SECRETS,
        "Keys that sign links, with commas between them; the first one signs, all are accepted. With one, a "
        "link needs ?expires= and &signature=. A flag can be seen by other users: prefer --link-secret-file.",
        secret=True,
    ),
    Setting(
        ("--link-secret-file",),
        "ARCHIVER_LINK_SECRET_FILE",
        "",
        OPTIONAL_PATH,
        "File with such keys, one on each line.",
    ),
    Setting(
        ("--admin-host",),
        "ARCHIVER_ADMIN_HOST",
        "127.0.0.1",
        HOST,
        "Address for the admin's pages: /status, /metrics, /readyz.",
    ),
    Setting(
        ("--admin-port",),
        "ARCHIVER_ADMIN_PORT",
        "0",
        whole_number(0, 65535),
        "Port for the admin's pages; 0 is off.",
    ),
    Setting(
        ("--enable-logging",), "ENABLE_LOGGING", "no", SWITCH, "Write one line per request to standard error."
    ),
    Setting(
        ("--log-format",),
        "ARCHIVER_LOG_FORMAT",
        "text",
        choice("text", "json"),
        "How the log is written: lines of text, or a JSON object on each line.",
    ),
    Setting(
        ("--enable-response-delay",),
        "ENABLE_RESPONSE_DELAY",
        "no",
        SWITCH,
        "Wait between two chunks of an archive, to test slow downloads.",
    ),
    Setting(
        ("--response-delay",),
        "RESPONSE_DELAY",
        "1s",
        duration(HOUR),
        "How long to wait between two chunks when the response delay is enabled.",
    ),
)
