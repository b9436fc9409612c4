from dataclasses import replace

import numpy as np
import pytest

from classify.config import TrainConfig
from classify.tuning.find_lr import HIGHEST, LOWEST, RateStep, find_learning_rate, suggest_rate
from medx.core.errors import InputError

QUICK = TrainConfig(batch_size=20, size=16, device="cpu")


def curve(loss_of):
    rates = np.geomspace(LOWEST, HIGHEST, 200)
    losses = loss_of(np.log10(rates))
    return [
        RateStep(learning_rate=rate, loss=loss, smoothed=loss)
        for rate, loss in zip(rates, losses, strict=True)
    ]


def test_the_suggestion_is_where_loss_falls_fastest():
    def fall(log_rate):
        return 1 / (1 + np.exp(4 * (log_rate + 3))) + np.maximum(0, log_rate + 1) ** 2

    assert suggest_rate(curve(fall)) == pytest.approx(1e-3, rel=0.1)


def test_a_fall_after_the_minimum_does_not_count():
    def turn(log_rate):
        return np.where(log_rate < -3, -log_rate / 10, 5 - 4 * np.maximum(-1, log_rate))

    assert suggest_rate(curve(turn)) < 1.1e-3


def test_a_first_loss_that_happens_to_be_low_is_no_minimum():
    def fall(log_rate):
        return 1 / (1 + np.exp(4 * (log_rate + 3)))

    low, *steps = curve(fall)
    assert suggest_rate([low.model_copy(update={"smoothed": -1.0}), *steps]) == pytest.approx(
        1e-3, rel=0.1
    )


@pytest.mark.parametrize("loss", [lambda r: r, lambda r: 0 * r + 1])
def test_loss_that_never_falls_gives_no_suggestion(loss):
    assert suggest_rate(curve(loss)) is None


def test_a_curve_of_a_few_steps_gives_no_suggestion():
    assert suggest_rate(curve(lambda r: -r)[:5]) is None


def test_the_test_is_repeatable_and_stops_where_loss_diverges(binary, tmp_path):
    tested = [find_learning_rate(QUICK, tmp_path / n, binary, steps=40) for n in ("a", "b")]
    assert tested[0].steps == tested[1].steps
    rates = [step.learning_rate for step in tested[0].steps]
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(HIGHEST / LOWEST) / 39)
    assert tested[0].diverged == (len(rates) < 40)
    assert (tmp_path / "a" / "figures" / "learning_rate.png").stat().st_size > 5000


def test_the_head_of_a_transfer_has_a_rate_of_its_own(binary, tmp_path):
    config = replace(QUICK, model="test_resnet", pretrained=False, size=32, head_epochs=1)
    result = find_learning_rate(config, tmp_path, binary, steps=20, phase="head")
    assert (result.phase, result.setting) == ("head", "head_learning_rate")


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({}, {"phase": "head"}, "no head phase"),
        ({"probe": True}, {}, "takes no steps"),
        ({}, {"steps": 5}, "20 steps or more, got 5"),
    ],
)
def test_what_cannot_be_tested_is_said(binary, tmp_path, settings, given, message):
    with pytest.raises(InputError, match=message):
        find_learning_rate(replace(QUICK, **settings), tmp_path, binary, **given)


def test_the_command_says_the_setting_and_the_rule(cli, two_class):
    given = ("--dataset", two_class, "--steps", 60, "--device", "cpu", "--set", "size=16")
    shown = cli("classify", "find-lr", *given)
    assert shown.exit_code == 0, shown.stderr
    for said in ("learning_rate", "falls fastest per decade", "synthetic", "Research use only"):
        assert said in shown.stdout
    data = cli("classify", "find-lr", *given, "--json").json
    assert data["recipe"] == "small-scratch"
    assert LOWEST < data["suggested"] < HIGHEST
