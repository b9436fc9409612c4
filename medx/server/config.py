"""Settings of ``medx serve``."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Where to listen, what to load, and what a request may cost.

    Args:
        host: Address to listen on; any but loopback needs ``token``.
        public_host: Name that a proxy in front passes on; it needs ``token``, too.
        token: What clients send as ``Authorization: Bearer``; None asks for none.
        dataset: Whose classifier and index; None takes the default dataset.
        run: Train run of the classifier; None takes the latest of the dataset.
        index: Index of the neighbours; None takes the dataset's.
        backend: What keeps the index: ``faiss`` or ``milvus``.
        uri: The address of a Milvus; None takes a file beside the other indexes.
        engine: What writes reports.
        model: Which model of it; None takes whichever is at hand.
        weights: Local folder that holds the weights of ``model``.
        base_url: Of the OpenAI-compatible server that ``openai`` asks.
        device: A ``--device`` value.
        max_upload_bytes: A larger body is refused while it comes in.
        queue_limit: Requests that may wait for a model; more are told to come back.
        batch_size: Images a model takes at once.
        timeout_s: Seconds until a request is given up; reports get ``report_timeout_s``.
        rate_limit: Requests a minute from one address; 0 sets no limit.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    public_host: str | None = None
    token: str | None = None
    dataset: str | None = None
    run: str | None = None
    index: str | None = None
    backend: str = "faiss"
    uri: str | None = None
    engine: str = "auto"
    model: str | None = None
    weights: str | None = None
    base_url: str | None = None
    device: str = "auto"
    max_upload_bytes: int = 64 << 20
    queue_limit: int = 64
    batch_size: int = 32
    timeout_s: float = 30.0
    report_timeout_s: float = 600.0
    rate_limit: int = 0

    def __post_init__(self) -> None:
        seen = [self.public_host] if self.public_host else []
        seen += [self.host] if self.host not in LOOPBACK else []
        if seen and not self.token:
            raise ValueError(f"host {seen[0]} is not loopback and needs a token")
        for name in ("max_upload_bytes", "queue_limit", "batch_size", "timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
