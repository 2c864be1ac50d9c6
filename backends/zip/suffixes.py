"""Suffixes of files that Info-ZIP stores, because deflating them again costs much time and saves little."""

_SUFFIXES = """
    .jpg .jpeg .jpe .jxl .png .gif .webp .avif .heic .heif .jp2 .cr2 .cr3 .nef .arw .orf .rw2
    .mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .wmv .3gp .mts .m2ts
    .mp3 .m4a .aac .ogg .oga .opus .flac .wma
    .zip .gz .tgz .bz2 .tbz2 .xz .txz .zst .lz4 .7z .rar .jar .apk .cab .deb .rpm .br
    .docx .xlsx .pptx .odt .ods .odp .epub .woff .woff2
"""

# The program compares upper and lower case, and cameras write `.JPG`.
COMPRESSED_SUFFIXES = tuple(
    spelling for suffix in _SUFFIXES.split() for spelling in (suffix, suffix.upper(), suffix.title())
)
