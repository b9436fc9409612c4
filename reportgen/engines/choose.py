"""Which engine writes, and why that one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medx.core.console import warn
from medx.core.errors import UnknownNameError, WeightsUnavailableError
from reportgen.config import ReportConfig
from reportgen.engines import ENGINES
from reportgen.engines.base import Engine
from reportgen.engines.weights import find_weights

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class ChosenEngine:
    """An engine and the reason it was taken; weights load with its first report."""

    engine: Engine
    reason: str


def choose_engine(config: ReportConfig) -> ChosenEngine:
    """Return the engine that ``config.engine`` names.

    ``auto`` takes MedGemma when its weights are at hand, without asking the network, else the mock
    with the reason. A ``weights`` folder that cannot be used is an error even then.

    Raises:
        UnknownNameError: When there is no such engine.
        WeightsUnavailableError: When the weights that were asked for cannot be had.
    """
    if config.engine != AUTO:
        return ChosenEngine(engine=_build(config.engine, config), reason="asked for")
    try:
        weights = find_weights(config.model, config.weights)
    except WeightsUnavailableError as error:
        if config.weights is not None:
            raise
        reason = f"no MedGemma weights on this machine ({error})"
        warn(f"writing mock reports: {reason}")
        return ChosenEngine(engine=_build("mock", config), reason=reason)
    reason = f"the weights of {weights.model} are at hand ({weights.source})"
    return ChosenEngine(
        engine=_build("medgemma", replace(config, engine="medgemma")), reason=reason
    )


def _build(name: str, config: ReportConfig) -> Engine:
    if name not in ENGINES:
        raise UnknownNameError("engine", name, [AUTO, *ENGINES])
    engine: Engine = ENGINES.load(name)(config)
    return engine
