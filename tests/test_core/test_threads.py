import threading
from contextlib import closing

import pytest

from medx.core.threads import map_in_threads


def test_results_come_in_the_order_of_the_items():
    first = threading.Event()

    def slow_start(item):
        if item == 0:
            first.wait(1)
        first.set()
        return item * item

    assert list(map_in_threads(slow_start, range(50))) == [i * i for i in range(50)]


def test_only_a_few_items_are_taken_ahead():
    taken = []

    def items():
        for item in range(10_000):
            taken.append(item)
            yield item

    with closing(map_in_threads(str, items())) as results:
        assert next(results) == "0"
    assert len(taken) < 100


def test_an_error_of_the_work_is_raised_where_its_result_would_be():
    results = map_in_threads(lambda n: 6 // n, [1, 2, 0, 3])
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
