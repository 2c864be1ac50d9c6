"""For each setting: its default, texts that it accepts, and texts that it refuses."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

from tornado_archiver.settings.options import DEMO_PHOTOS


class Example(NamedTuple):
    """`text` has the value `value`, `other` is another valid text, and the texts in `invalid` are refused."""

    default: Any
    text: str
    value: Any
    other: str
    invalid: list[str]


INVALID_TEMPLATES = [
    *("a/b", "a\\b", "a\nb", "\x7f", "{", "}", "{}", "{0}", "{names}"),
    *("{hash!r}", "{hash:9}", "{name.upper}", "{date[0]}"),
    *("\udcff", "a\u2028b", "a\u202egpj", "a\u2067b"),
]

EXAMPLES = {
    "host": Example(
        ("127.0.0.1",),
        "127.0.0.1, [::1],unix:/run/my archiver.sock,localhost",
        ("127.0.0.1", "::1", "unix:/run/my archiver.sock", "localhost"),
        "0.0.0.0",
        [
            *("a b", "a\nb", "a\x07", ",", "::1,", "unix:", "unix:relative.sock", "unix:@abstract"),
            *("unix:/a\0b", "unix:/a\nb", "unix:/" + "x" * 107, "unix:/" + "\u00e4" * 54),
        ],
    ),
    "port": Example(
        7777,
        "8080",
        8080,
        "0",
        ["abc", "-1", "65536", "1_0", "80 ", "\uff18\uff10", "9" * 5000, "a\nb", "[80]", "3.0"],
    ),
    "workers": Example(1, "4", 4, "1", ["0", "65", "two"]),
    "trusted_proxies": Example(
        (ip_network("127.0.0.1"), ip_network("::1")),
        "10.0.0.0/8, ::1",
        (ip_network("10.0.0.0/8"), ip_network("::1")),
        "127.0.0.1",
        ["proxy.test", "10.0.0.1/8", "10.0.0.0/8 ::1", ",", "300.1.1.1"],
    ),
    "max_header_size": Example(16 * 1024, "8KiB", 8192, "65536", ["big", "0", "1023"]),
    "photos_dir": Example(DEMO_PHOTOS, "/srv/my photos", Path("/srv/my photos"), "elsewhere", ["a\0b"]),
    "backend": Example("stored-zip", "tar.gz", "tar.gz", "zip", ["a b", "zip,tar", "[zip]", "\n"]),
    "formats": Example(
        (),
        "tar, tar.gz",
        ("tar", "tar.gz"),
        "zip",
        ["zip,,tar", ",", "zip tar", "[zip, tar]", "zip\ntar tar"],
    ),
    "compression_level": Example(6, "9", 9, "0", ["10", "-1", "best", "6.5"]),
    "stored_threshold": Example(
        64 * 1024 * 1024,
        "8MiB",
        8 * 1024 * 1024,
        "1 GB",
        ["64 M", "-1", "1.5GiB", "MiB", "64 KiB ", "\u0661", "1\u212aB", "1k\u0130b"],
    ),
    "download_name": Example(
        "{name}", "Фото {hash} — 100%", "Фото {hash} — 100%", "[a, b]", [*INVALID_TEMPLATES, " "]
    ),
    "top_folder": Example("", "{date} {name}", "{date} {name}", "Photos", INVALID_TEMPLATES),
    "cors_origin": Example(
        (),
        "https://www.example.com, http://localhost:8000",
        ("https://www.example.com", "http://localhost:8000"),
        "*",
        [
            *("www.example.com", "https://www.example.com/", "https://a b", "https://*.example.com", "null"),
            *("https://www.example.com:", "ftp://a.test", "https://A.test", ","),
        ],
    ),
    "include_hidden": Example(False, "yes", True, "no", ["maybe"]),
    "include_junk": Example(False, "no", False, "yes", ["2"]),
    "follow_symlinks": Example(False, "on", True, "off", ["y"]),
    "on_unreadable": Example("abort", "report", "report", "abort", ["skip", "ABORT"]),
    "settle_time": Example(5.0, "1m", 60.0, "0", ["61m", "-1s", "a while"]),
    "max_entries": Example(200_000, "5000", 5000, "0", ["-1", "1e6"]),
    "max_bytes": Example(0, "2GB", 2_000_000_000, "0", ["1.5GiB"]),
    "max_downloads": Example(1000, "50", 50, "0", ["-1", "10001", "many"]),
    "max_downloads_per_client": Example(32, "0", 0, "9", ["-1", "1.5"]),
    "queue_timeout": Example(10.0, "500ms", 0.5, "1m", ["2h", "-1s", "10 seconds", "soon", "1e3"]),
    "rate_limit": Example(0, "10MiB", 10 * 1024 * 1024, "0", ["10MiB/s", "fast"]),
    "total_rate_limit": Example(0, "1 MB", 1_000_000, "0", ["-1"]),
    "stall_timeout": Example(300.0, "1.5h", 5400.0, "0", ["25h", "nan"]),
    "idle_timeout": Example(60.0, "30", 30.0, "2m", ["61m", "inf"]),
    "drain_timeout": Example(30.0, "1d", 86400.0, "5 s", ["2d", "٣s"]),
    "link_secret": Example(
        (),
        "0123456789abcdef, Schlüssel-mit-Umlaut",
        ("0123456789abcdef", "Schlüssel-mit-Umlaut"),
        "x" * 64,
        ["short", "0123456789abcdef,", "0123456789abcde\n", "# keys of the links"],
    ),
    "link_secret_file": Example(None, "/run/secrets/links", Path("/run/secrets/links"), "keys", ["a\0b"]),
    "site_name": Example(
        "", "Anna & Ben: Fotos", "Anna & Ben: Fotos", "[a]", ["x" * 101, "a\nb", "a\u2028b"]
    ),
    "site_url": Example(
        "",
        "https://example.com/fotos?a=1",
        "https://example.com/fotos?a=1",
        "/",
        [
            *(
                "example.com",
                "javascript:alert(1)",
                "//example.com/",
                "ftp://example.com/",
                "https://",
                "https:/x",
            ),
            *("https://a b/", "https://a.test:x/", 'https://a.test/"', "/a<b", "https://[::1/", "/\\a"),
        ],
    ),
    "templates_dir": Example(None, "/srv/pages", Path("/srv/pages"), "pages", ["a\0b"]),
    "admin_host": Example(
        ("127.0.0.1",), "::1,unix:/run/a.sock", ("::1", "unix:/run/a.sock"), "0.0.0.0", ["a b", "unix:a"]
    ),
    "admin_port": Example(0, "7778", 7778, "0", ["65536", "-1"]),
    "enable_logging": Example(False, "1", True, "0", ["[yes]", " yes", "yes\n"]),
    "log_format": Example("text", "json", "json", "text", ["xml", "JSON"]),
    "check_environment": Example(False, "yes", True, "no", ["perhaps"]),
    "enable_response_delay": Example(False, "False", False, "TRUE", ["t"]),
    "response_delay": Example(
        1.0,
        "0.25",
        0.25,
        "3600",
        ["nan", "inf", "-1", "3600.5", "1,5", "soon", "1_0", "٣", ".", "1e3"],
    ),
}
