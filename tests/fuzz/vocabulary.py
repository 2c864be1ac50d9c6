"""Parts of malformed requests."""

from urllib.parse import quote

from tests.fuzz.fixtures import ALBUM, FORMATS, UNUSUAL_ALBUMS
from tests.fuzz.response_checks import CANARY

MARKUP = f"<{CANARY}\"'`>"

METHODS = [
    *"GET HEAD GET HEAD GET POST PUT DELETE PATCH OPTIONS TRACE CONNECT PROPFIND PRI BREW get G T".split(),
    "", "%47ET", "GÉT", "GET\t", "GET\x00", " GET", CANARY, "A" * 300, f'"{CANARY}"',
]  # fmt: skip
VERSIONS = """HTTP/1.1 HTTP/1.1 HTTP/1.1 HTTP/1.0 HTTP/0.9 HTTP/2.0 HTTP/1.2 HTTP/1.10 HTTP/11 http/1.1
    HTTP/1.1;x HTTP/ HTTP/-1.1 HTTP/1.1\x0b ICY/1.1""".split()

UPS = """.. . ... %2e%2e %2E%2E .%2e %2e. %252e%252e %25252e%25252e ..%00 ..%0a ..; ..%20 ..%09 %c0%ae%c0%ae
    %e0%80%ae%e0%80%ae %f0%80%80%ae %c0%2e %uff0e%uff0e %u002e%u002e \uff0e\uff0e ‥ ..%ff \xae\xae .%00.
    %2e%2e%3b ..%3f""".split()
SLASHES = """/ // /./ %2f %2F %5c %5C \\ %252f %255c %c0%af %c1%9c %e0%80%af \u2215 \u2044 %u2215 ;/ /;/ /%2e/
    \\/ /~/ ?/ #/ %00/ %23 %3f""".split()
PLACES = """etc/passwd outside outside/secret.jpg proc/self/environ proc/self/cwd/server.py dev/zero dev/stdin
    windows/win.ini photos server.py C: file:///etc/passwd""".split()
SECRET_PATHS = (
    ".hidden file empty out etc up loop not%20%ff%20utf-8 not%20\xff%20utf-8 .git %2ehidden nothing".split()
)
ALBUMS = [ALBUM, *(quote(album) for album in UNUSUAL_ALBUMS), "%35" + ALBUM[1:], ALBUM.upper()]
TAILS = [
    *"/ // ;x /1.jpg /.hidden.jpg /link.jpg /directory/secret.jpg /passwd %00 %00.jpg %0d%0aX-A:b".split(),
    "%20", "%09", "+", "/x.zip", "/x.tar.gz", "/X.TAR", "/.zip", "/..zip", "/x.zip/", "/x%2f.zip",
    "", "", "", f"/{MARKUP}", f"%0d%0aSet-Cookie:{CANARY}=1", "a" * 200, "a" * 300, "/" * 500,
]  # fmt: skip
TARGETS = [
    "/", "/healthz", "/archive", "/archive/", "/favicon.ico", "*", "", "//", "///archive/", "/status",
    "/metrics", "/readyz", "/status.json", "/static/../server.py", "/robots.txt", "?", "#", f"/{CANARY}",
    f"/{MARKUP}", f"/%3C{CANARY}%3E", f"/archive/{MARKUP}/", f"/archive/%3C{CANARY}%3E/",
    "photos.test:443", "/archive/" + "a" * 255, "/archive/" + "a" * 256, "/archive/" + "%61" * 255,
    "/archive/" + "../" * 400, "/" + "a/" * 3000, "/" + "a" * 15_000, "/" + "a" * 20_000, "/archive/%",
    "/archive/%0", "/archive/%zz", "/archive/%ed%a0%80/", "/archive/%e2%80%ae/", "/archive/\x01",
    "/archive/\x7f", "/archive/\xff\xfe/", "/ar%63hive/x", "/./archive/x/", "/archive\\x",
]  # fmt: skip
PREFIXES = """http://h http://evil.test https://h HTTP://h http://h:99999 http://u:p@h http:// http:/// //
    //evil.test /\\evil.test ftp://h file:// javascript: h:80""".split()

BIG_NUMBERS = [
    "0",
    "-1",
    "1",
    "9" * 30,
    "9" * 5000,
    "18446744073709551616",
    "4294967296",
    "1e3",
    "0x10",
    "٣",
    "NaN",
]
QUERIES = [
    *(f"format={name}" for name in FORMATS), "format=", "format=%00", "format=%ff", "format=rar",
    f"format={MARKUP}", f"format=%3C{CANARY}%3E", "format=tar&format=zip", "format[]=tar", "FORMAT=tar",
    "format=../../etc/passwd", "format=tar%20", "format=__class__", "&&&", "=", "%", "==&=", "a" * 12_000,
    "&".join(f"a{number}" for number in range(900)), "&".join(f"a{n}=" for n in range(2200)),
    ";".join("ab" * 50), "expires=1&signature=x", "expires=99999999999&signature=" + "A" * 43,
    "expires=&signature=", "expires=%00&signature=%00", f"expires={CANARY}&signature={CANARY}",
    "signature=x", "expires=1&expires=2&signature=a&signature=b",
    *(f"expires={number}&signature=aaaa" for number in BIG_NUMBERS), f"x={ALBUM}",
    "file=1.jpg", "file=1.jpg&file=1.jpg", "file=night/", "file=night", "file=.hidden.jpg", "file=link.jpg",
    "file=.git/", "file=directory/", "file=directory/secret.jpg", "file=../outside/secret.jpg", "file=%00",
    "file=", "file=/", "file=..", "file=%ff", "file=/etc/passwd", "file=%2e%2e%2f", "file=1.jpg&file=pipe",
    "&".join(["file=1.jpg"] * 500), "info", "info=&format=rar", "info&file=1.jpg", "info&file=.hidden.jpg",
    "name=x", "name=%0d%0aSet-Cookie:a=1", "name=../../x", "name=%ff", "name=%00", "name=" + "a" * 300,
    "name=%22;filename=evil.exe", "name=x&name=y", "name=x&file=1.jpg&format=tar",
]  # fmt: skip

RANGES = [
    "bytes=0-0", "bytes=0-", "bytes=-1", "bytes=5-10", "bytes=0-0,2-2,-1", "bytes=1-0", "bytes=99999999-",
    "bytes=-0", "bytes=", "bytes=-", "bytes", "bytes=a-b", "items=0-1", "bytes=0-0" + ",2-2" * 2500,
    "bytes=" + "0-," * 9, "bytes=" + ",".join(["0-99"] * 10), "bytes=0-0,", "bytes=,,,,0-0",
    "bytes= 0 - 0", "bytes=0-٣", "bytes=+0-1", "bytes=0x0-0x1", "bytes=0-0\xff", f"bytes={CANARY}",
    *(f"bytes={number}-" for number in BIG_NUMBERS), *(f"bytes=-{number}" for number in BIG_NUMBERS),
]  # fmt: skip
DATES = [
    "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 0001 00:00:00 GMT",
    "Thu, 99 Jan 2020 00:00:00 GMT", "Tue, 29 Feb 2100 00:00:00 GMT", "Sunday, 06-Nov-00 08:49:60 GMT",
    "Thu, 01 Jan 0000", "0", "-1", "now",
]  # fmt: skip
TAGS = [
    "*",
    '"x"',
    'W/"x"',
    '"',
    "W/",
    '"' * 999,
    '"a",' * 900,
    "x",
    '"\xff"',
    ", ,",
    f'"{CANARY}"',
    '"a" "b"',
    "",
]
ACCEPTS = [
    "*/*", "text/html", "text/html;q=0.1,text/plain", "text/html;q=9e999", "text/html;q=nan",
    "text/html;q=-1", ",;q=;;=,", ";", "text/html;" * 900, f"text/html;x={MARKUP}", "text/html;q=0.٣",
    "text/html;q=1" + "0" * 5000,
]  # fmt: skip
ADDRESSES = [
    "1.2.3.4", "::1", "fe80::1%eth0", f"fe80::1%{CANARY}", "fe80::1%<b>", "1.2.3.4, ", ",",
    "::ffff:1.2.3.4", "::ffff:0:0%1", "999.1.1.1", "unknown", "_hidden", '"[::1]:80"', "1.2.3.4:80",
    "127.0.0.1," * 900, "2001:db8::" + "0" * 300, "\xff", MARKUP, "::", "0.0.0.0", "255.255.255.255",
    "1.2.3.4\t", "٣.1.1.1", "01.02.03.04", "127.0.0.1, ::1", "ff02::1%" + "z" * 300,
]  # fmt: skip
HOSTS = [
    "h", "", "h:80", "h:99999", "h:-1", "h:", ":80", "[::1]", "[::1]:80", "[", "a,b", "h h", MARKUP,
    f"{CANARY}.test", "h/../x", "user@h", "h\\x", "é", "%00", "a" * 3000, "'()*&", ALBUM, f"{ALBUM}\x01",
]  # fmt: skip
LENGTHS = [
    "0",
    "5",
    "+5",
    "-5",
    " 5",
    "5 ",
    "5,5",
    "5, 6",
    "0x5",
    "5.0",
    "",
    "\u0665",
    "65536",
    "65537",
    "9" * 20,
    "9" * 5000,
    "00005",
    "5\x0b",
]
CODINGS = [
    "chunked", "Chunked", " chunked", "chunked ", "chunked\t", "xchunked", "identity", "gzip, chunked",
    "chunked, chunked", "chunked, identity", "\x0bchunked", "chunked;x=y", '"chunked"', "", "trailers",
]  # fmt: skip
PLAIN = [
    "",
    "x",
    "\t",
    " x ",
    "a\x00b",
    "a\x01b",
    "a\rb",
    "\x7f",
    "\xff",
    "é",
    MARKUP,
    ALBUM,
    f"{ALBUM}\x02",
    "a" * 3000,
    "%s%n%x",
    "${jndi:x}",
]

# Header names and what their values are drawn from
HEADERS = {
    "Range": RANGES,
    "If-Range": TAGS + DATES,
    "If-Match": TAGS,
    "If-None-Match": TAGS,
    "If-Modified-Since": DATES,
    "If-Unmodified-Since": DATES,
    "Accept": ACCEPTS,
    "X-Forwarded-For": ADDRESSES,
    "X-Real-IP": ADDRESSES,
    "Forwarded": ADDRESSES,
    "X-Forwarded-Proto": ["https", "x", MARKUP, "\xff"],
    "X-Forwarded-Host": HOSTS,
    "X-Request-ID": [*(text for text in PLAIN if text != ALBUM), "a-b_c.d", "a" * 64, "a" * 65],
    "Host": HOSTS,
    "Content-Length": LENGTHS,
    "Transfer-Encoding": CODINGS,
    "Connection": ["close", "keep-alive", "Upgrade", "TE, close", "\xff", ","],
    "Expect": ["100-continue", "100-Continue", "200-ok", MARKUP],
    "Upgrade": ["websocket", "h2c", "HTTP/2.0, x"],
    "HTTP2-Settings": ["AAMAAABkAAQAAP__"],
    "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
    "Sec-WebSocket-Version": ["13"],
    "Content-Encoding": ["gzip", "deflate", "br", "x"],
    "Content-Type": [
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data",
        "application/json", "multipart/form-data; boundary=" + "x" * 900,
    ],
    "Cookie": [*PLAIN, "a=b; c", "=;=;" * 500],
    "Referer": [f"http://h/archive/{ALBUM}/", *PLAIN],
    "User-Agent": PLAIN,
    "Authorization": PLAIN,
    "X": PLAIN,
    "": PLAIN,
    "a b": PLAIN,
    "X:": PLAIN,
    "X ": PLAIN,
    "\xff": PLAIN,
    "X\x00": PLAIN,
    MARKUP: PLAIN,
    " folded": PLAIN,
    "\tfolded": PLAIN,
    "X" * 5000: PLAIN,
    ALBUM: PLAIN,
    "Proxy": ["http://h"],
    "TE": ["trailers"],
    "Trailer": ["Host"],
    "Max-Forwards": ["0"],
    "X-Original-URL": ["/status"],
    "X-HTTP-Method-Override": ["PUT"],
}  # fmt: skip
BODIES = [
    b"", b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"FFFFFFFFFFFFFFFF\r\n", b"-5\r\nhello\r\n", b"5\nhello\n0\n\n", b"0x5\r\nhello\r\n",
    b"\x1f\x8b\x08\x00garbage", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
    b"a=b&" * 3000, b"x" * 70_000, b"GET /archive/smuggled/ HTTP/1.1\r\nHost: h\r\n\r\n",
    b"SM\r\n\r\n\0\0\0\4\0\0\0\0\0",
]  # fmt: skip
ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\x0b", "\x85", "\u2028"]
