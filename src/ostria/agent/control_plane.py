"""The way to the control plane: one TLS channel, verified by the mesh's root, each call with the newest token.

A changed root certificate makes a new channel; calls under way end on the old one. Calls wait until the control plane is there: its absence is a
state to sit out, not an error that Envoy should see.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from ostria.agent.metrics import Metrics
from ostria.agent.settings import Address
from ostria.agent.tokens import TokenSource

log = logging.getLogger(__name__)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(slots=True, kw_only=True)
class ControlPlane:
    address: Address
    tokens: TokenSource | None
    cluster: str
    metrics: Metrics
    _root: bytes = b""
    _channel: grpc.aio.Channel | None = None
    _watch: asyncio.Task[None] | None = None
    _retired: list[grpc.aio.Channel] = field(default_factory=list)

    async def channel(self) -> grpc.aio.Channel:
        """Raise OSError where the root certificate can't be read."""
        root = self.address.root_file.read_bytes() if self.address.root_file else b""
        if self._channel is None or root != self._root:
            await self._retire()
            self._root, self._channel = root, self._open(root)
            self._watch = asyncio.create_task(self._observe(self._channel))
        return self._channel

    async def metadata(self) -> tuple[tuple[str, str], ...]:
        """Raise TokenError where there is no token."""
        named = (("clusterid", self.cluster),)
        return (*named, ("authorization", f"Bearer {await self.tokens.current()}")) if self.tokens else named

    async def close(self) -> None:
        await self._retire()
        for channel in self._retired:
            await channel.close()

    async def _retire(self) -> None:
        if self._watch:
            self._watch.cancel()
        if self._channel is not None:
            self._retired.append(self._channel)
            log.info("the root certificate changed: new calls use a new connection")
        self._channel = None
        while len(self._retired) > 1:
            await self._retired.pop(0).close()

    def _open(self, root: bytes) -> grpc.aio.Channel:
        options: tuple[tuple[str, Any], ...] = _OPTIONS
        if not self.address.root_file:
            return grpc.aio.insecure_channel(self.address.target, options=options)
        name = self.address.verified_name()
        options = (*options, ("grpc.ssl_target_name_override", name), ("grpc.default_authority", name))
        return grpc.aio.secure_channel(self.address.target, grpc.ssl_channel_credentials(root), options=options)

    async def _observe(self, channel: grpc.aio.Channel) -> None:
        """Count and log what calls that wait for readiness would never tell."""
        state = channel.get_state()
        with contextlib.suppress(asyncio.CancelledError):
            while state is not grpc.ChannelConnectivity.SHUTDOWN:
                await channel.wait_for_state_change(state)
                state = channel.get_state()
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    self.metrics.count("istiod_connection_failures")
                    log.warning("the control plane at %s can't be reached or is not who it should be; trying again", self.address.target)
                elif state is grpc.ChannelConnectivity.READY:
                    log.info("connected to the control plane at %s", self.address.target)
