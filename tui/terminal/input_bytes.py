"""From the bytes a terminal sends to text: what is no UTF-8 is dropped, and so are mouse reports in the legacy encoding."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

# ESC [ M and three bytes, which may have any value: sent by terminals that know no other way to report the mouse.
_LEGACY_MOUSE = re.compile(rb"\x1b\[M[\x00-\xff]{3}", re.DOTALL)
_BEGUN_LEGACY_MOUSE = re.compile(rb"\x1b\[M[\x00-\xff]{0,2}\Z", re.DOTALL)


class InputBytes:
    """Decodes what one terminal sends, read by read; a character or a report may be split between two reads."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")(errors="ignore").decode
        self._begun = b""

    def feed(self, data: bytes) -> str:
        """Return the text of the next bytes; a report that has only begun is held back until the next read."""
        data = _LEGACY_MOUSE.sub(b"", self._begun + data)
        begun = _BEGUN_LEGACY_MOUSE.search(data)
        self._begun = begun[0] if begun else b""
        return self._decode(data[: len(data) - len(self._begun)])
