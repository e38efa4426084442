"""The bytes by which records and formats are told."""

from typing import Final

ZIP_LOCAL: Final = b"PK\x03\x04"
ZIP_CENTRAL: Final = b"PK\x01\x02"
ZIP_DESCRIPTOR: Final = b"PK\x07\x08"
ZIP_END: Final = b"PK\x05\x06"
ZIP64_END: Final = b"PK\x06\x06"
ZIP64_LOCATOR: Final = b"PK\x06\x07"
GZIP: Final = b"\x1f\x8b"
