"""Runs inside the sandbox: forwards loopback ports to unix sockets, then becomes the real program.

Called as `forwarder.py PORT=SOCKET … -- PROGRAM ARGUMENTS`. It imports nothing of this project.
"""

import os
import socket
import sys
import threading


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends, then pass the end on."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def connect(client: socket.socket, path: str) -> None:
    """Join one client with a new connection to `path`, both ways."""
    with client, socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(path)
        except OSError:
            return
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


def listener(port: int) -> socket.socket:
    """A listening socket on the sandbox's own loopback."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.listen(64)
    return bound


def serve(bound: socket.socket, path: str) -> None:
    """Accept for ever."""
    while True:
        client, _ = bound.accept()
        threading.Thread(target=connect, args=(client, path), daemon=True).start()


def main(arguments: list[str]) -> None:
    """Listen first, so that the program never meets a closed port; the forwarding goes on in a child."""
    end = arguments.index("--")
    wanted = [item.split("=", 1) for item in arguments[:end]]
    bound = [(listener(int(port)), path) for port, path in wanted]
    if os.fork():
        for each, _ in bound:
            each.close()
        program = arguments[end + 1 :]
        try:
            os.execvp(program[0], program)  # noqa: S606 — the confined program itself
        except OSError as error:
            sys.exit(f"{program[0]}: {error.strerror}")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for each, path in bound:
        threading.Thread(target=serve, args=(each, path)).start()


if __name__ == "__main__":
    main(sys.argv[1:])
