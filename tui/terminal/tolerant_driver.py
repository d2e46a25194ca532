"""Textual's driver for Unix terminals, reading bytes that are no text without dying of them."""

from __future__ import annotations

import os
import selectors
import signal
from contextlib import suppress

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal.input_bytes import InputBytes

SELECT_SECONDS = 0.1  # how soon the thread sees that the app ends
READ_BYTES = 4096


class TolerantDriver(LinuxDriver):
    """Drops what is no text; Textual's own decodes strictly, and a paste in Latin-1 ends the app in the middle of a run."""

    def run_input_thread(self) -> None:
        """Read, decode and pass on what the terminal sends, until the app ends."""
        parser = XTermParser(self._debug)
        decode = InputBytes().feed
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(SELECT_SECONDS):
                    data = self._read()
                    if not data:
                        # A terminal that went away without a signal, as under a supervisor: do as if it had sent one.
                        signal.raise_signal(signal.SIGHUP)
                        return
                    text = decode(data)
                    if text:  # none would mean the end of all input to the parser
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        with suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:
            return b""
