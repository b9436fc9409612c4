import pytest

from classify.config import EvaluateConfig, PredictConfig, TrainConfig, as_mapping


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"epochs": True}, "epochs must be an integer >= 1, got True"),
        ({"size": 8}, "size must be an integer >= 16, got 8"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"learning_rate": 0}, "learning_rate must be > 0, got 0"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0, got nan"),
        ({"ema_decay": 1.0}, "ema_decay must be >= 0 and < 1, got 1.0"),
        ({"focal_gamma": -1}, "focal_gamma must be >= 0, got -1"),
        ({"loss": "focl"}, "loss must be one of focal, cross-entropy, got 'focl'"),
        ({"schedule": "linear"}, "schedule must be one of one-cycle, cosine, got 'linear'"),
        ({"augmentation": "mri"}, "augmentation must be one of radiograph"),
        ({"tta": True}, "tta must be one of none, mirror, shifts, got True"),
        ({"compile": 1}, "compile must be true or false, got 1"),
        ({"logit_adjustment": 1}, "set balanced_sampling=false"),
        ({"train_on": "folds"}, "folds needs members >= 2"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16, fp16, auto, got 'fp8'"),
        ({"operating_point": "luck"}, "rule must be one of balanced_accuracy"),
        (
            {"class_weights": "heavy"},
            "class_weights must be 'inverse-frequency', 'class-balanced', 'none'",
        ),
        (
            {"class_weights": [0.0, 0.0]},
            "class_weights must be 'inverse-frequency', 'class-balanced', 'none'",
        ),
    ],
)
def test_settings_are_checked_and_named(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**settings)


def test_numbers_that_yaml_reads_as_text_are_numbers():
    assert TrainConfig(learning_rate="1e-3").learning_rate == 1e-3


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("inverse-frequency", "inverse-frequency"),
        ("none", None),
        ("0.25,0.75", (0.25, 0.75)),
        ([1, 2], (1.0, 2.0)),
    ],
)
def test_class_weights_may_be_named_or_given(given, stored):
    assert TrainConfig(class_weights=given, balanced_sampling=False).class_weights == stored


def test_rare_classes_are_made_up_for_once():
    for twice in ({"class_weights": "class-balanced"}, {"logit_adjustment": 1.0}):
        with pytest.raises(ValueError, match="balanced_sampling=false"):
            TrainConfig(**twice)
        TrainConfig(**twice, balanced_sampling=False)


def test_a_config_survives_being_written_and_read():
    config = TrainConfig(class_weights=(0.2, 0.8), epochs=3)
    assert TrainConfig(**as_mapping(config)) == config


@pytest.mark.parametrize("kind", [EvaluateConfig, PredictConfig])
def test_batches_hold_at_least_one_image(kind):
    with pytest.raises(ValueError, match="batch_size must be an integer >= 1"):
        kind(batch_size=0)
