import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from classify.evaluation.metrics import Case
from classify.evaluation.subgroups import measure_subgroups
from medx.core.bootstrap import Bootstrap
from medx.core.errors import UnknownNameError
from medx.datasets.manifest import Record

CLASSES = ("no", "yes")
QUICK = Bootstrap(resamples=20)


def make_case(count, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, count)
    yes = np.clip(0.3 * target + 0.7 * rng.random(count), 0, 1)
    probs = np.stack([1 - yes, yes], axis=1)
    return Case(target=target, probs=probs, predicted=(yes >= 0.5).astype(np.int64))


def make_records(values, column="age"):
    return [Record(id=str(i), path=str(i), extra={column: v}) for i, v in enumerate(values)]


def test_each_value_is_measured_as_if_alone():
    case, sexes = make_case(100), ["f" if i % 3 else "m" for i in range(100)]
    found = measure_subgroups(make_records(sexes, "sex"), case, CLASSES, ("sex",), QUICK)
    assert [(group.value, group.n) for group in found] == [("f", 66), ("m", 34)]
    women = np.array(sexes) == "f"
    expected = roc_auc_score(case.target[women], case.probs[women, 1])
    assert found[0].metrics["auroc"].estimate == pytest.approx(expected)
    assert found[0].counts == {
        "no": (case.target[women] == 0).sum(),
        "yes": case.target[women].sum(),
    }


def test_few_images_are_counted_but_not_measured():
    values = ["small"] * 19 + ["big"] * 20
    big, small = measure_subgroups(make_records(values), make_case(39), CLASSES, ("age",), QUICK)
    assert (small.too_few, small.n, small.metrics) == (True, 19, {})
    assert (big.too_few, big.n) == (False, 20)


def test_a_group_of_one_class_has_no_balanced_accuracy():
    case = make_case(100)
    truth = [CLASSES[t] for t in case.target]
    for group in measure_subgroups(make_records(truth, "sex"), case, CLASSES, ("sex",), QUICK):
        assert group.metrics["balanced_accuracy"] is group.metrics["auroc"] is None
        assert group.metrics["accuracy"].high < 1


def test_many_numbers_are_cut_into_quarters_in_their_order():
    ages = [str(age) for age in range(1, 101)] + ["", "  "]
    found = measure_subgroups(make_records(ages), make_case(102), CLASSES, ("age",), QUICK)
    assert [group.value for group in found] == [
        "1 to 25",
        "above 25 to 50",
        "above 50 to 75",
        "above 75 to 100",
        "–",
    ]
    assert [group.n for group in found] == [25, 25, 25, 25, 2]


def test_source_is_always_there_where_records_name_it():
    records = [Record(id=str(i), path=str(i), source="abc"[i % 3]) for i in range(60)]
    found = measure_subgroups(records, make_case(60), CLASSES, (), QUICK)
    assert [(group.column, group.value, group.n) for group in found] == [
        ("source", name, 20) for name in "abc"
    ]
    assert measure_subgroups(make_records(["x"] * 60), make_case(60), CLASSES, (), QUICK) == []


def test_a_column_of_names_shows_its_most_frequent_values(capsys):
    values = [f"scanner {i % 40}" for i in range(100)]
    found = measure_subgroups(make_records(values), make_case(100), CLASSES, ("age",), QUICK)
    assert len(found) == 30
    assert "age has 40 values" in capsys.readouterr().err


def test_an_unknown_column_is_named_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="unknown column 'agee'") as caught:
        measure_subgroups(make_records(["1"]), make_case(1), CLASSES, ("agee",), QUICK)
    assert "did you mean 'age'" in caught.value.hint


def test_patients_of_a_subgroup_are_resampled_whole():
    case, values = make_case(60), ["a"] * 60
    grouped = Bootstrap(resamples=20, groups=[f"p{i // 3}" for i in range(60)])
    (found,) = measure_subgroups(make_records(values), case, CLASSES, ("age",), grouped)
    assert found.metrics["auroc"].method == "percentile bootstrap"
