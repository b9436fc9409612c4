import pytest

from medx.case.workbench import open_workbench
from reportgen.config import ReportConfig


@pytest.fixture
def bench(two_class, run_dir, index_dir):
    """Return everything that answers for an image, with the mock as its engine."""
    return open_workbench(
        ReportConfig(
            dataset=str(two_class),
            run=str(run_dir),
            index=str(index_dir),
            engine="mock",
            strategies=("grounded",),
        )
    )
