"""An engine that never has an answer."""

from medx.core.errors import EngineError
from reportgen.engines.base import Engine


class BrokenEngine(Engine):
    name = "broken"

    def generate(self, request):
        raise EngineError("the engine broke", hint="mend it")
