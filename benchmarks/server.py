"""Serves the pages that `pages.py` writes: `python server.py FOLDER SOCKET`, until standard input ends.

`SOCKET` is the number of a listening socket that the parent hands over. The pages need no token.
"""

import asyncio
import gzip
import json
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pages import PAGE_ROWS, PATHS

STREAMS = {path: stream for stream, path in PATHS.items()}


class Pages:
    """An HTTP/1.1 server of GET requests over files, as little of one as its clients need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = self._answer(head.split(b" ", 2)[1].decode())
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json; odata.metadata=minimal\r\n"
                    f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, target: str) -> tuple[str, bytes]:
        parts = urlsplit(target)
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        number, rest = divmod(int(options.get("$skip", "0")), PAGE_ROWS)
        file = self._folder / STREAMS.get(parts.path, "") / f"{number}.json.gz"
        if rest or not file.is_file():
            return "404 Not Found", gzip.compress(b'{"error":{"code":"NotFound","message":"No such page."}}')
        body = file.read_bytes()
        if "$top" not in options or int(options["$top"]) >= PAGE_ROWS:
            return "200 OK", body
        page: dict[str, Any] = json.loads(gzip.decompress(body))
        page.pop("@odata.nextLink", None)
        page["value"] = page["value"][: int(options["$top"])]
        return "200 OK", gzip.compress(json.dumps(page).encode(), 1)


async def run(folder: Path, listening: socket.socket) -> None:
    await asyncio.start_server(Pages(folder).serve, sock=listening, limit=1 << 16)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
