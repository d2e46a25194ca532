"""What is wrong, doubtful or worth knowing in the configuration, for people and for scripts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.kinds import FindingSeverity
from core.text.sanitize import escape_unprintable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a look at the configuration has found.

    Attributes:
        severity: whether it stops the start.
        message: what is so, and where; on its own a whole sentence.
        hint: what to do about it, or "".
        setting: the dotted name of the setting, or of several with commas; "" when it is about a whole file.
        value: the value as it was written, without secrets; None when nothing was.
        source: where the value stands.
    """

    severity: FindingSeverity
    message: str
    hint: str = ""
    setting: str = ""
    value: str | None = None
    source: str = ""

    def __str__(self) -> str:
        return f"{self.message} - {self.hint}" if self.hint else self.message

    def printable(self) -> Finding:
        """Return the finding with everything that cannot be seen written as an escape."""
        return replace(
            self,
            message=escape_unprintable(self.message),
            hint=escape_unprintable(self.hint),
            setting=escape_unprintable(self.setting),
            value=None if self.value is None else escape_unprintable(self.value),
            source=escape_unprintable(self.source),
        )
