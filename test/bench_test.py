"""How the benchmark adds up, compares and judges."""

import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

import ratios
import rounds
from shapes import Ratio


def turn(program="corral", threads=1, processes=1):
    return rounds.Turn(SimpleNamespace(program=program, threads=threads, processes=processes))


def answer(text, seconds=1.0):
    return rounds.Answer(text.split(), seconds)


def shape(better="more", figure="rate", **ways):
    """A shape as it is written: of each way a figure for each round, or the rounds themselves."""
    return {
        "id": "s", "figure": figure, "better": better,
        "ways": [
            {"id": id, "rounds": [each if isinstance(each, dict) else {figure: each} for each in values]}
            for id, values in ways.items()
        ],
    }  # fmt: skip


class Turns(unittest.TestCase):
    def test_slices_add_up(self):
        own = turn()
        own.add([answer("100 1 0.5 p50_us=3")])
        own.add([answer("300 0 1.5 p50_us=9")])
        told = own.figures()
        self.assertEqual((told["count"], told["failed"], told["rate"], told["p50_us"]), (400, 1, 200, 6))

    def test_who_is_late_does_not_lower_the_rate(self):
        own = turn()
        own.add([answer("100 0 3.0 late=20", seconds=1.0)])
        told = own.figures()
        self.assertEqual((told["count"], told["in_time"], told["rate"]), (100, 80, 80))

    def test_processes_work_side_by_side(self):
        own = turn(processes=2)
        own.add([answer("100 0 1.0"), answer("10 0 2.0")])
        own.add([answer("5 0 1.0"), answer("45 0 1.0")])
        told = own.figures()
        self.assertEqual((told["seconds"], told["least"], told["most"]), (3, 55, 105))

    def test_of_threads_least_and_most_are_added(self):
        own = turn(threads=2)
        own.add([answer("3 0 1.0 least=1 most=2")])
        own.add([answer("7 0 1.0 least=3 most=4")])
        self.assertEqual((own.figures()["least"], own.figures()["most"]), (4, 6))

    def test_nobody_asks_redis_for_requests(self):
        self.assertNotIn("requests", turn(program="redis").figures())

    def test_a_wrong_total_is_no_result(self):
        rounds.check_total("it", 5, 5)
        for found in 4, 6:
            with self.assertRaises(rounds.WrongTotal):
                rounds.check_total("it", 5, found)

    def test_each_is_first_in_its_turn(self):
        self.assertEqual([rounds.rotated("abc", i)[0] for i in range(4)], ["a", "b", "c", "a"])


class Ratios(unittest.TestCase):
    def test_more_is_better(self):
        values = ratios.values_of(Ratio("s/r", "", ("other",)), shape(corral=[10, 30], other=[5, 10]))
        self.assertEqual(values, [2, 3])

    def test_less_is_better(self):
        measured = shape("less", "p50_us", corral=[10, 30], other=[5, 60])
        self.assertEqual(ratios.values_of(Ratio("s/r", "", ("other",)), measured), [0.5, 2])
        self.assertEqual(ratios.values_of(Ratio("s/r", "", ("other",), inverse=True), measured), [2, 0.5])

    def test_the_best_of_each_round_counts(self):
        ratio = Ratio("s/r", "", ("a", "b"))
        self.assertEqual(ratios.values_of(ratio, shape(corral=[12, 12], a=[1, 6], b=[3, 4])), [4, 2])
        measured = shape("less", corral=[12, 12], a=[1, 6], b=[3, 4])
        self.assertEqual(ratios.values_of(ratio, measured), [1 / 12, 4 / 12])

    def test_who_has_done_nothing_is_not_compared_with(self):
        ratio = Ratio("s/r", "", ("other",))
        self.assertEqual(ratios.values_of(ratio, shape(corral=[8, 9], other=[0, 3])), [3])
        self.assertIsNone(ratios.values_of(ratio, shape(corral=[8], other=[0])))

    def test_a_way_that_is_missing_is_not_measured(self):
        self.assertIsNone(ratios.values_of(Ratio("s/r", "", ("other",)), shape(corral=[8])))

    def test_requests_are_by_operation(self):
        measured = shape(corral=[{"requests": 6, "count": 3}, {"requests": 1, "count": 0}])
        self.assertEqual(ratios.values_of(Ratio("s/r", "", figure="requests"), measured), [2])


class Judging(unittest.TestCase):
    def judge(self, bound, target, everything=False):
        table = (Ratio("s/r", "", ("other",)),)
        measured = [shape(corral=[1, 2, 9], other=[1, 1, 1])]
        return ratios.judge(table, measured, [], {"s/r": (bound, target)}, everything)

    def test_the_median_is_judged(self):
        self.assertTrue(self.judge("least", 2)[0]["holds"])
        self.assertFalse(self.judge("least", 2.1)[0]["holds"])
        self.assertTrue(self.judge("most", 2)[0]["holds"])
        self.assertFalse(self.judge("most", 1.9)[0]["holds"])

    def test_what_was_to_be_measured_and_was_not_does_not_hold(self):
        targets = {"s/r": ("least", 1), "gone/r": ("least", 1)}
        table = (Ratio("s/r", "", ("other",)), Ratio("gone/r", "", ("other",)))
        measured = [shape(corral=[1], other=[1])]
        self.assertEqual(len(ratios.judge(table, measured, [], targets, False)), 1)
        missing = ratios.judge(table, measured, [], targets, True)[1]
        self.assertEqual((missing["id"], missing["holds"]), ("gone/r", None))


class Targets(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            return ratios.read_targets(file.name)

    def test_they_are_read(self):
        self.assertEqual(self.read("# why\n\na/b least 2 # so\nc most 0.5\n"), {"a/b": ("least", 2), "c": ("most", 0.5)})

    def test_what_is_none_is_refused(self):
        for text in "a/b least\n", "a/b above 2\n", "a/b least 2\na/b most 3\n", "a/b least 2 3\n", "a/b least x\n":
            with self.assertRaises(ratios.TargetError):
                self.read(text)


if __name__ == "__main__":
    unittest.main()
