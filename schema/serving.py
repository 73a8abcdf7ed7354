"""How the server listens and speaks, so that it lets go of clients that are lost or stalled."""

import socket
from collections.abc import Mapping
from typing import Any, Final

STALL_SECONDS: Final = 20.0
"""How long a client may take to make room for the next message."""

SERVER_OPTIONS: Final[Mapping[str, Any]] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "lifespan": "on",
    "ws": "websockets-sansio",
    "ws_max_size": 64 * 1024,
    "ws_per_message_deflate": False,
    "ws_ping_interval": 15.0,
    "ws_ping_timeout": 10.0,
    # A hook keeps its connection open between deliveries, which come minutes apart. If the server
    # closes it just as the next delivery is sent, the hook counts a failure. So the client must be
    # the one to close: after 90 s in hyper (Rust) and in Go, after 60 s in most proxies.
    "timeout_keep_alive": 120,
    "timeout_graceful_shutdown": 1,
}
"""What `uvicorn.Config` needs, in production and in tests: a lost client is noticed within 25 s,
and one that takes nothing holds up a restart for a second and no longer."""


def listen(host: str, port: int, stall_seconds: float = STALL_SECONDS) -> socket.socket:
    """Return a listening socket whose connections end when the peer takes nothing for so long.

    With SERVER_OPTIONS a client that stalls or is lost is gone after 45 s in all.

    uvicorn closes such a connection only after the peer has taken what was written to it, that is
    never, and ASGI has no way to abort it; the kernel has (Linux: TCP_USER_TIMEOUT). `port` 0
    takes any free one. Raises `OSError` when the address is in use or not this machine's.
    """
    listening = socket.create_server(
        (host, port),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        backlog=2048,
        # Whoever asks for any address means those of IPv4 too.
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = round(stall_seconds * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listening
