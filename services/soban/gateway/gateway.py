"""The gateway as a component of its server: gRPC servicer, HTTP side, channels to the services behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import grpc

import soban.v1 as pb
from soban.gateway.accounting import Accounts
from soban.gateway.callers import Callers
from soban.gateway.events import Announcer
from soban.gateway.flow import ChatFlow
from soban.gateway.metering import Meter
from soban.gateway.openai.app import OpenAIApi
from soban.gateway.openai.http_side import HttpSide
from soban.gateway.policies import Policies
from soban.gateway.pseudonyms import Pseudonyms, salt_in
from soban.gateway.served_models import ServedModels
from soban.gateway.servicer import ChatServicer
from soban.gateway.settings import GatewaySettings, Upstreams
from soban.gateway.upstream import GenerationClient, SafetyClient, until_serving
from soban.gateway.validation import Validator
from soban.runtime.channels import open_channel
from soban.runtime.telemetry import Telemetry

CHAT_SERVICE = "soban.v1.ChatService"
SAFETY_SERVICE = "soban.v1.SafetyService"
GENERATION_SERVICE = "soban.v1.GenerationService"


class Gateway:
    """Ready once safety and generation have served once; from then on it answers for itself alone.

    So it does not flap with what is behind it: a request that meets a service down ends UNAVAILABLE. `policies` is the
    safety policy of each name that clients may send as model, None for the default.
    """

    service_names: Sequence[str] = (CHAT_SERVICE,)

    def __init__(
        self,
        settings: GatewaySettings,
        upstreams: Upstreams,
        policies: Mapping[str, str | None],
        telemetry: Telemetry,
    ) -> None:
        self._channels = {
            SAFETY_SERVICE: open_channel(str(upstreams.safety), telemetry=telemetry),
            GENERATION_SERVICE: open_channel(str(upstreams.generation), telemetry=telemetry),
        }
        safety = SafetyClient(self._channels[SAFETY_SERVICE], settings.check_seconds)
        generation = GenerationClient(self._channels[GENERATION_SERVICE])
        chosen = Policies(settings.default_policy, policies, settings.client_policies)
        file = settings.log_user_salt_file
        pseudonyms = Pseudonyms(settings.log_user_salt if file is None else salt_in(file))
        callers = Callers(settings.tenant_label, pseudonyms)
        self._flow = ChatFlow(
            safety=safety,
            generation=generation,
            models=ServedModels(policies, generation),
            validator=Validator(settings.max_text_bytes),
            policies=chosen,
            callers=callers,
            announcer=Announcer(settings.ai_notice),
            meter=Meter(telemetry, Accounts(settings.log_labels, callers, pseudonyms)),
        )
        api = OpenAIApi(self._flow, safety, generation, chosen)
        self._http = HttpSide(api, settings, telemetry)

    @property
    def http_port(self) -> int:
        """The real port of the HTTP side, once started."""
        return self._http.port

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the servicer."""
        pb.add_ChatServiceServicer_to_server(ChatServicer(self._flow), server)

    async def start(self) -> None:
        """Opens the HTTP port, alive but not ready, and waits for safety and generation. Raises BindError."""
        await self._http.open()
        await asyncio.gather(*(until_serving(channel, name) for name, channel in self._channels.items()))
        self._http.serve()

    def refuse(self) -> None:
        """`/ready` says no; requests that still come are answered."""
        self._http.refuse()

    async def drain(self, grace: float) -> None:
        """Takes no new HTTP requests and lets the running ones end within `grace` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._http.drain()

    async def stop(self) -> None:
        """Ends what HTTP requests are left and closes the channels."""
        await self._http.close()
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
