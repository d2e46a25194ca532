"""A lock on an open file, which the system keeps until the file is closed or the process ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # far behind what is in the file: locked bytes cannot be read by others

    def try_lock(descriptor: int) -> bool | None:
        """Lock an open file; False if somebody else has, None where the file system knows no locks."""
        try:
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return None
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool | None:
        """Lock an open file; False if somebody else has, None where the file system knows no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the latter from servers that lock ranges in place of files
            return False
        except OSError:
            return None
        return True
