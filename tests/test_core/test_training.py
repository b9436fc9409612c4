import numpy as np
import pytest
import torch
from torch import nn

from medx.core.training import (
    one_cycle,
    restore_training,
    training_tensors,
    update_average,
    warm_cosine,
)


def test_the_rate_rises_to_its_peak_and_falls_to_nothing():
    rates = [one_cycle(step, 100, 1.0) for step in range(101)]
    assert max(rates) == rates[30] == pytest.approx(1.0)
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[100] == pytest.approx(1e-4)
    assert np.all(np.diff(rates[:31]) > 0)
    assert np.all(np.diff(rates[30:]) < 0)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_schedules_have_a_rate_at_every_step(total):
    assert all(0 < one_cycle(step, total, 1.0) <= 1.0 for step in range(total))


def test_the_average_is_the_exponential_one():
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    expected = float(average.weight.detach())
    for step, value in enumerate([3.0, -1.0, 4.0]):
        nn.init.constant_(network.weight, value)
        update_average(average, network, 0.25, step)
        decay = min(0.25, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert float(average.weight.detach()) == pytest.approx(expected)


def test_no_decay_keeps_the_latest_weights_and_statistics():
    network, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    network(torch.randn(8, 2) + 3)
    update_average(average, network, 0.0, 5)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(average.state_dict()[name], tensor)


def test_a_training_goes_on_from_its_tensors():
    def make():
        torch.manual_seed(0)
        network, average = nn.Linear(3, 1), nn.Linear(3, 1)
        return network, average, torch.optim.AdamW(network.parameters(), lr=0.1)

    def step(network, optimizer):
        network(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    network, average, optimizer = make()
    step(network, optimizer)
    kept = {k: v.clone() for k, v in training_tensors(network, average, optimizer).items()}
    step(network, optimizer)
    again, other, second = make()
    restore_training(kept, again, other, second)
    step(again, second)
    assert torch.equal(again.weight, network.weight)


def test_the_rate_warms_up_in_a_straight_line_and_comes_down_as_a_cosine():
    rates = [warm_cosine(step, 24, 1.0, 4) for step in range(25)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4] == 1.0
    assert rates[14] == pytest.approx(0.5, abs=1e-3)
    assert rates[24] < 1e-3
    assert np.all(np.diff(rates[4:]) < 0)


def test_without_warm_up_the_first_step_is_the_highest():
    assert warm_cosine(0, 10, 0.1, 0) == 0.1
    assert warm_cosine(0, 2, 0.1, 5) < warm_cosine(1, 2, 0.1, 5) < 0.1
