import pytest

QUICK = ("--epochs", 1, "--batch-size", 20, "--size", 16, "--device", "cpu")


@pytest.fixture
def trained(cli, two_class):
    for seed in (0, 1):
        named = ("--name", f"seed{seed}", "--seed", seed)
        result = cli("classify", "train", "--dataset", two_class, *QUICK, *named)
        assert result.exit_code == 0, result.stderr


def test_runs_stand_in_one_table_with_gaps_and_tests(
    cli, trained, two_class, three_class, tmp_path
):
    datasets = ("--dataset", two_class, "--dataset", three_class)
    result = cli("classify", "compare", "seed0", "seed1", *datasets, "--resamples", 50)
    assert result.exit_code == 0, result.stderr
    for said in (
        "looks at test",
        "gap of",
        "two val",
        "three test",
        "seed1 – seed0",
        "p (Holm)",
        "three has no pneumonia",
        "left out, since the classifier does not know them: ring (15 images)",
        "Research use only",
    ):
        assert said in result.stdout
    (folder,) = (tmp_path / "output" / "classify" / "compare").iterdir()
    assert {path.name for path in folder.iterdir()} >= {"config.yaml", "metrics.json"}


def test_a_map_makes_other_classes_known(cli, trained, three_class):
    mapped = ("--dataset", three_class, "--label-map", "ring=pneumonia,trophozoite=pneumonia")
    result = cli("classify", "compare", "seed0", *mapped, "--resamples", 20, "--json")
    assert result.exit_code == 0, result.stderr
    (row,) = result.json["rows"]
    assert (row["n"], row["absent"], row["left_out"]) == (45, [], {})
    assert result.json["tests"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("seed0", "seed0"), "several different ones"),
        (("seed0", "nowhere"), "not a run folder"),
        (("seed0", "--split", "tset"), "split of two 'tset'"),
    ],
)
def test_mistakes_are_answered_in_one_line(cli, trained, arguments, said, tmp_path):
    result = cli("classify", "compare", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert list((tmp_path / "output" / "classify" / "compare").iterdir()) == []


def test_a_run_must_be_named(cli):
    assert cli("classify", "compare").exit_code == 2
