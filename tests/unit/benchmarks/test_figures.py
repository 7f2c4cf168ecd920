"""What the benchmarks make of measurements: goals, slopes, the page and the picture."""

import json
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest
from benchmarks import ads_change, growth, plot, results
from benchmarks.figures import Figure


class TestAGoal:
    @pytest.mark.parametrize(
        ("bounds", "value", "said", "met"),
        [
            ({"at_most": 5}, 5, "≤ 5 s", True),
            ({"at_most": 5}, 5.1, "≤ 5 s", False),
            ({"at_least": 0.9}, 0.8, "≥ 0.9 s", False),
            ({"at_most": 50, "at_least": 50}, 50, "50 s", True),
            ({"at_most": 50, "at_least": 50}, 51, "50 s", False),
            ({}, 1, "", None),
        ],
    )
    def test_is_met_or_missed_and_can_be_said(self, bounds, value, said, met):
        figure = Figure(name="x", value=value, unit="s", **bounds)
        assert (figure.goal, figure.met) == (said, met)


def figures(power: float) -> list[Figure]:
    def points(line: growth.Line) -> Sequence[tuple[float, float]]:
        return [(float(line.size(size)), 0.001 * line.size(size) ** power) for size in line.sizes]

    return [
        growth.figure(f"{line.grows} grow at {line.at}: {what}", unit, line.one, points(line))
        for line in growth.LINES
        for what, unit in growth.QUANTITIES
    ]


class TestGrowth:
    def test_linear_growth_is_met_and_quadratic_growth_missed(self):
        assert [each.value for each in figures(1.0)] == pytest.approx([1.0] * 6)
        assert all(each.met for each in figures(1.0))
        assert not any(each.met for each in figures(2.0))

    def test_the_cost_of_one_more_is_said(self):
        assert figures(1.0)[0].note.startswith("1 ms per service; 10: 0.01 s")

    def test_the_picture_has_a_panel_for_each_figure_and_a_dot_for_each_point(self):
        found = figures(1.0)
        root = ElementTree.fromstring(growth.picture(found))
        dots = [each for each in root.iter() if each.tag.endswith("circle")]
        assert len(dots) == sum(len(each.points) for each in found)
        words = {each.text for each in root.iter() if each.tag.endswith("text")}
        assert {"services, at 100 proxies", "proxies, at 200 services", "peak memory", "seconds", "MB", "10,000"} <= words


class TestAnAxis:
    @pytest.mark.parametrize("values", [(10, 5000), (1, 1), (0.003, 0.004), (70, 430), (0.002, 9000)])
    def test_every_value_stands_between_its_ends_and_ticks_do_not_crowd(self, values):
        axis = plot.Axis(values, 0, 100)
        assert all(0 <= axis.at(value) <= 100 for value in values)
        assert 2 <= len(axis.ticks) <= 9


class TestThePage:
    def test_keeps_the_other_suites_and_their_order(self, tmp_path, monkeypatch):
        monkeypatch.setattr(results, "STORE", tmp_path / "results.json")
        monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
        machine = {"cpu": "a", "cores": 2, "memory_gb": 8, "kernel": "6", "python": "3.11", "versions": {"ostria": "1"}}

        def entry(value: float) -> dict[str, object]:
            figure = Figure(name="f", value=value, unit="s", at_most=2, seen=(1, value))
            run = {"title": "T", "how": "H", "command": "c", "taken": "now", "commit": "x", "seconds": 1, "load": 0.1}
            return {**run, "figures": [figure.plain()]}

        for name, value in (("second", 1.0), ("first", 3.0), ("second", 2.0)):
            results.keep(machine, name, entry(value), ["first", "second"])
        assert list(json.loads(results.STORE.read_text())["suites"]) == ["first", "second"]
        rows = [line for line in results.PAGE.read_text().splitlines() if line.startswith("| f ")]
        assert rows == ["| f | 3.0 s | ≤ 2 s | **missed** | seen 1, 3.0 |", "| f | 2.0 s | ≤ 2 s | met | seen 1, 2.0 |"]


def test_a_change_says_when_and_is_whole_at_once(tmp_path, capsys):
    (tmp_path / "vs-0.yaml").write_text("http:\n- match:\n  - headers:\n      end-user:\n        exact: jason\n")
    ads_change.main(str(tmp_path), "VirtualService", "7")
    assert float(capsys.readouterr().out)
    assert "exact: changed-7\n" in (tmp_path / "vs-0.yaml").read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["vs-0.yaml"]
