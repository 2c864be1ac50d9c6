"""Tests of `similar`: suggestions for misspelt flags and formats, and none for flags of other programs."""

import pytest

from tornado_archiver.registry import Registry, builtin
from tornado_archiver.settings.options import CONFIG, OPTIONS
from tornado_archiver.settings.similar import SEE_HELP, SETTING_SYNONYMS, did_you_mean

FLAGS = [*(option.flag for option in (CONFIG, *OPTIONS)), "--check", "--print-config", "--version", "--help"]


@pytest.mark.parametrize(
    ("misspelt", "flag"),
    [
        *(("--prot", "--port"), ("--ports", "--port"), ("-port", "--port"), ("--PORT", "--port")),
        *(("--photo-dir", "--photos-dir"), ("--photos_dir", "--photos-dir"), ("--photos", "--photos-dir")),
        *(("--enable-loging", "--enable-logging"), ("--logging", "--enable-logging")),
        *(("--conf", "--config"), ("--worker", "--workers"), ("--format", "--formats")),
        *(("--backends", "--backend"), ("--secret", "--link-secret"), ("--compress", "--compression-level")),
        *(("--hidden", "--include-hidden"), ("--allow-symlinks", "--follow-symlinks")),
        *(
            ("--dir", "--photos-dir"),
            ("--bind", "--host"),
            ("--interfaces", "--host"),
            ("--threads", "--workers"),
        ),
    ],
)
def test_misspelt_flag_is_answered_with_the_flag(misspelt: str, flag: str) -> None:
    assert did_you_mean(misspelt, FLAGS, SETTING_SYNONYMS) == f"did you mean {flag}?"


@pytest.mark.parametrize(
    "foreign",
    [
        # miniserve
        *"--tls-cert --tls-key --auth --index --spa --qrcode --upload-files --header --enable-tar".split(),
        *"--title --route-prefix --random-route --color-scheme --no-symlinks --disable-indexing".split(),
        # dufs, copyparty
        *"--path-prefix --allow-all --render-index --assets --log-file --http-only --name".split(),
        # gunicorn, uvicorn, nginx
        *"--certfile --keyfile --log-level --keep-alive --worker-class --max-requests".split(),
        *"--access-logfile --user --group --daemon --pid --chdir --reload --debug --umask -x".split(),
    ],
)
def test_flag_of_another_program_is_answered_without_suggestion(foreign: str) -> None:
    assert did_you_mean(foreign, FLAGS, SETTING_SYNONYMS) == SEE_HELP


def test_part_of_several_names_is_answered_with_all() -> None:
    assert did_you_mean("--link", FLAGS) == "did you mean --link-secret or --link-secret-file?"


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        *((name, "tar.gz") for name in "tgz targz tar-gz tar.gzip tarz gz gzip TGZ".split()),
        *((name, "zip") for name in "zipped Zip zipp deflate".split()),
        *((name, "stored-zip") for name in "storedzip stored_zip store-zip stored storedzips".split()),
        ("TAR", "tar"),
    ],
)
def test_misspelt_backend_is_answered_with_the_backend(name: str, backend: str) -> None:
    assert Registry(builtin())._hint(name) == f", did you mean {backend}? There are"


@pytest.mark.parametrize("name", "rar 7z tar.bz2 tar.xz iso zip64 cpio".split())
def test_backend_that_resembles_none_is_answered_without_suggestion(name: str) -> None:
    assert Registry(builtin())._hint(name) == "; there are"
