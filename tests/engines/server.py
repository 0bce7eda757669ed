"""A small server that speaks OpenAI's protocol, and misbehaves when it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any] | str  # (status, body as JSON), or a way to misbehave


class Server:
    """What was asked of it, and how it answers: `answer(path, body, times this body was asked before)`."""

    def __init__(self, answer: Callable[[str, dict[str, Any], int], Answer]) -> None:
        self.answer, self.seen, self.keys = answer, Counter[str](), set[str]()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.url = ""


def chat(text: str | None, finish: str = "stop", logprobs: Any = None) -> dict[str, Any]:
    """A chat completion as servers write it."""
    message = {"role": "assistant", "content": text}
    return completion({"message": message, "finish_reason": finish, "index": 0, "logprobs": logprobs})


def completion(choice: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "x", "object": "y", "created": 0, "model": "m", "choices": [choice], "usage": usage}


@contextmanager
def serving(answer: Callable[[str, dict[str, Any], int], Answer], port: int = 0) -> Iterator[Server]:
    """Serve on this machine until the block ends."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.reply(server.answer(self.path, {}, 0))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with server.lock:
                before = server.seen[body.decode()]
                server.seen[body.decode()] += 1
                server.keys.add(self.headers.get("authorization", ""))
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                self.reply(server.answer(self.path, json.loads(body), before))
            finally:
                with server.lock:
                    server.at_once -= 1

        def reply(self, answer: Answer) -> None:
            if answer == "nothing":
                time.sleep(0.6)
                self.close_connection = True
                return
            if answer == "half":
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", "500")
                self.end_headers()
                self.wfile.write(b'{"id": "x", "cho')
                self.close_connection = True
                return
            status, content = answer if isinstance(answer, tuple) else (200, answer)
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "0.05")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    httpd = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
