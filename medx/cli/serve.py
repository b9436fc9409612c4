"""``medx serve``: the workbench in the browser, and its API."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import DatasetOption, DeviceOption, OfflineOption
from medx.cli.report_options import (
    BaseUrlOption,
    ClassifierOption,
    EngineOption,
    ModelOption,
    SimilarOption,
    WeightsOption,
)
from medx.cli.retrieve_options import BackendOption, UriOption
from medx.core.device import Device
from medx.server.config import ServeConfig

_TOKEN_HELP = "What clients must send as Authorization: Bearer; needed for any --host but loopback."


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = ServeConfig.host,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = ServeConfig.port,
    public_host: Annotated[
        str | None,
        typer.Option("--public-host", help="Name that a proxy in front passes on; needs a token."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", envvar="MEDX_SERVE_TOKEN", help=_TOKEN_HELP)
    ] = None,
    dataset: DatasetOption = None,
    run: ClassifierOption = None,
    index: SimilarOption = None,
    backend: BackendOption = ServeConfig.backend,
    uri: UriOption = None,
    engine: EngineOption = ServeConfig.engine,
    model: ModelOption = None,
    weights: WeightsOption = None,
    base_url: BaseUrlOption = None,
    device: DeviceOption = Device.auto,
    max_upload: Annotated[
        int, typer.Option("--max-upload", min=1, help="MiB that a request may have.")
    ] = ServeConfig.max_upload_bytes >> 20,
    queue_limit: Annotated[
        int, typer.Option("--queue-limit", min=1, help="Requests that may wait for a model.")
    ] = ServeConfig.queue_limit,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images a model takes at once.")
    ] = ServeConfig.batch_size,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds until a request is given up.")
    ] = ServeConfig.timeout_s,
    rate_limit: Annotated[
        int, typer.Option("--rate-limit", min=0, help="Requests a minute an address; 0: no limit.")
    ] = ServeConfig.rate_limit,
    offline: OfflineOption = False,
) -> None:
    """Serve the page and the API on this machine; needs medx[serve]."""
    from medx.core.console import note
    from medx.core.errors import InputError, MissingExtraError

    note("loading the libraries")
    try:
        from medx.server.run import leave, run_server
    except ModuleNotFoundError as error:
        raise MissingExtraError("serve", "serve") from error
    try:
        config = ServeConfig(
            host=host, port=port, public_host=public_host.lower() if public_host else None,
            token=token or None, dataset=dataset,
            run=run, index=index, backend=backend, uri=uri, engine=engine, model=model,
            weights=str(weights) if weights else None, base_url=base_url,
            device=device.value, max_upload_bytes=max_upload << 20, queue_limit=queue_limit,
            batch_size=batch_size, timeout_s=timeout, rate_limit=rate_limit,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(str(error), hint="pass --token, or set MEDX_SERVE_TOKEN") from error
    leave(run_server(config))
