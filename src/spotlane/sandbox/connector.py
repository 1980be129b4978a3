"""The client's side of the network in memory: an aiohttp session that leads to the sandboxes of its loop."""

from __future__ import annotations

import socket
from typing import Any

from aiohttp import BaseConnector, ClientConnectorDNSError, ClientConnectorError, ClientSession
from aiohttp.client_proto import ResponseHandler

from spotlane.sandbox.memory_network import MemoryNetwork


class MemoryConnector(BaseConnector):
    """Opens connections on a network in memory, whatever the host is called."""

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__(limit=0)
        self._network = network

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:  # noqa: ASYNC109
        if self._network.is_dns_down:
            told = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            raise ClientConnectorDNSError(req.connection_key, told)
        try:
            transport = await self._network.connect(req.url.port)
        except OSError as error:
            raise ClientConnectorError(req.connection_key, error) from error
        protocol = ResponseHandler(self._loop)
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        return protocol


def memory_session(network: MemoryNetwork) -> ClientSession:
    """Return the session of a network, made on first use; it is closed when the program of its loop ends."""
    session = network.session
    if not isinstance(session, ClientSession) or session.closed:
        session = network.session = ClientSession(connector=MemoryConnector(network))
    return session
