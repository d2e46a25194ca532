"""The program of the embedded model's process: serves one GGUF file on loopback until its standard input ends.

Run by path as `python -I child.py`, it imports the standard library and xllamacpp only. Its configuration is
one JSON line on stdin (arguments would show the key to everybody on the machine). Its whole stdout is one JSON line,
{"url": ...} or {"error": kind, "message": ...}; all that the C++ code writes goes to stderr, which is a log file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from typing import Any

CONFIG_LIMIT_BYTES = 16_384


def main() -> None:
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that C++ code prints may pass for the answer
    config = json.loads(_read_line(0))
    end_with_parent_while_loading(float(config["load_limit_seconds"]))
    try:
        server = _serve(config)
    except ImportError as error:
        _answer(answer, error="import", message=str(error))
        os._exit(3)
    except Exception as error:  # noqa: BLE001  # whatever the C++ side raises has to reach the parent as one line
        _answer(answer, error="load", message=str(error))
        os._exit(4)
    faulthandler.cancel_dump_traceback_later()
    _answer(answer, url=server.listening_address)
    while os.read(0, 1024):  # blocks until the parent closes the pipe or is gone, however it ended
        pass
    os._exit(0)  # at once: the server's own shutdown waits for requests that nobody reads any more


def _read_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < CONFIG_LIMIT_BYTES:
        byte = os.read(descriptor, 1)  # not one byte more: a later read must see the end of the pipe
        if not byte:
            os._exit(0)
        line += byte
    return line


def end_with_parent_while_loading(limit_seconds: float) -> None:
    """Make this process end without any Python code running: loading a model holds the GIL all the time.

    On Linux the kernel itself ends us with SIGIO when the other end of stdin closes. Elsewhere, and if that fails, a
    native timer bounds how long a load can outlive the parent. PR_SET_PDEATHSIG is not used: it fires when the parent's
    starting THREAD ends, while others may still be using the server.
    """
    faulthandler.dump_traceback_later(limit_seconds, exit=True)
    if sys.platform == "linux":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)  # an ignored signal would have been inherited
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        import select

        if select.select([0], [], [], 0)[0]:  # it closed before the kernel was asked for the signal
            os._exit(0)


def _serve(config: dict[str, Any]) -> Any:  # Any: xllamacpp ships no type information
    sys.path.append(config["library_folder"])  # last: nothing in there may stand in for the standard library
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model_path"]
    params.model_alias = {config["model_label"]}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [config["api_key"]]
    params.cors_origins, params.cors_credentials = "", False  # no web page may read an answer
    params.ui, params.offline, params.server_tools = False, True, []
    params.endpoint_metrics = params.endpoint_slots = params.endpoint_props = True
    params.n_parallel = config["slots"]
    params.n_ctx = config["slots"] * config["context_tokens"]
    params.kv_unified = False  # each slot owns its context: five long answers cannot starve each other
    params.n_batch = params.n_ubatch = config["batch_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.cache_ram_mib = config["cache_mebibytes"]
    params.fit_params = False  # the parent has chosen the sizes already; fitting reads the model twice
    return xllamacpp.Server(params)


def _answer(channel: Any, **fields: str) -> None:
    channel.write(json.dumps(fields) + "\n")
    channel.close()


if __name__ == "__main__":
    main()
