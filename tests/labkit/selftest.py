# SPDX-License-Identifier: Apache-2.0
"""Tests of the lab's own arithmetic and bookkeeping; they need no Flink. Run by tests/run."""

import json
import os
import signal
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from . import cache, control, demo, oracle, ports, processes, versions
from .errors import LabError


class Rates(unittest.TestCase):
    def test_arrivals_are_the_integral_of_the_rate(self):
        table = control.parse_rates("0:300,75:1200,255:300", 1_000_000)
        self.assertEqual(control.arrived(table, 999_999), 0)
        self.assertEqual(control.arrived(table, 1_000_000 + 75_000), 22_500)
        # 75 s at 300, 180 s at 1200, 10 s at 300
        self.assertEqual(control.arrived(table, 1_000_000 + 265_000), 22_500 + 216_000 + 3_000)

    def test_a_fraction_of_a_record_has_not_arrived(self):
        table = control.parse_rates("0:0.5", 0)
        self.assertEqual(control.arrived(table, 1999), 0)
        self.assertEqual(control.arrived(table, 2000), 1)

    def test_nonsense_is_refused(self):
        for text in ("300", "0:-1", "10:1,5:1", "a:b", ""):
            with self.subTest(text), self.assertRaises(LabError):
                control.parse_rates(text, 0)

    def test_a_change_holds_later_than_any_table_read_before_it(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, WEIRKEEPER_CACHE=folder):
            where = Path(folder)
            control.write_rates(where, [(0, 1000), (control.now_ms() + 60_000, 9000)])
            before = control.now_ms()
            at = control.change_rate(where, 7)
            self.assertGreaterEqual(at, before + control.LEAD_MS)
            self.assertEqual(control.read_rates(where), [(0, 1000), (at, 7000)])


class Switches(unittest.TestCase):
    def test_what_would_kill_the_job_is_refused_here(self):
        for key, value in (("cost-ms", "x"), ("throw", "up"), ("slow-subtask", "1"), ("unknown", "1"), ("poison", "1.5")):
            with self.subTest(key), self.assertRaises(LabError):
                control.check_switch(key, value)

    def test_a_hot_key_allows_gaps_for_ever(self):
        switches = control.initial_switches([("hot-share", "0.5"), ("hot-share", "0")])
        self.assertEqual(switches, {"hot-share": "0", "hot-ever": "true"})


class Oracle(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.where = Path(self.folder.name)
        (self.where / "report").mkdir()
        control.write_rates(self.where, [(0, 5000), (2000, 0)])  # ten records, long ago

    def tearDown(self):
        self.folder.cleanup()

    def report(self, name, **figures):
        (self.where / "report" / f"{name}.json").write_text(json.dumps(figures))

    def subtask(self, vertex, index, records, parallelism=2, restored=7, violations=0):
        self.report(
            f"{vertex}-{index}", vertex=vertex, job="j", openedAt=100 + index, restored=restored, attempt=index,
            subtask=index, parallelism=parallelism, records=records, violations=violations,
        )

    def whole(self):
        self.report("source-0", vertex="source", openedAt=50, offsets={"0": 5, "1": 5})
        for vertex in ("enrich", "sink"):
            self.subtask(vertex, 0, 4)
            self.subtask(vertex, 1, 6)

    def test_equal_counts_are_exact(self):
        self.whole()
        figures = oracle.read(self.where)
        self.assertEqual([figures[k] for k in ("arrived", "emitted", "processed", "sink_received")], [10] * 4)
        self.assertTrue(figures["exact"])

    def test_a_violation_or_a_lost_record_is_not(self):
        self.whole()
        self.subtask("enrich", 1, 6, violations=1)
        self.assertFalse(oracle.read(self.where)["exact"])
        self.subtask("enrich", 1, 5)
        self.assertFalse(oracle.read(self.where)["exact"])

    def test_an_incomplete_start_is_unknown_not_small(self):
        self.whole()
        self.subtask("enrich", 1, 6, restored=8)  # subtask 0 has not come back yet
        figures = oracle.read(self.where)
        self.assertIsNone(figures["processed"])
        self.assertFalse(figures["exact"])

    def test_a_partition_counts_once_when_it_moved(self):
        self.whole()
        self.report("source-1", vertex="source", openedAt=60, offsets={"1": 9})
        self.assertEqual(oracle.read(self.where)["emitted"], 5 + 9)


class Machinery(unittest.TestCase):
    def test_a_process_is_known_by_more_than_its_id(self):
        with tempfile.TemporaryDirectory() as folder:
            record = processes.start(["sleep", "60"], Path(folder) / "log")
            try:
                self.assertTrue(processes.is_alive(record))
                other = {**record, "started": record["started"] - 1}
                self.assertFalse(processes.send(other, signal.SIGKILL))
                self.assertTrue(processes.is_alive(record))
            finally:
                processes.kill([record])
            self.assertFalse(processes.is_alive(record))

    def test_a_part_is_there_only_when_whole(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, WEIRKEEPER_CACHE=folder):
            with self.assertRaises(LabError):
                cache.install("part", self.broken)
            self.assertFalse(cache.is_complete("part"))
            self.assertTrue(cache.install("part", lambda target: (target / "a").write_text("a")))
            self.assertFalse(cache.install("part", self.broken))
            self.assertEqual([path.name for path in Path(folder).glob("*part*")], ["part"])

    @staticmethod
    def broken(folder):
        (folder / "half").write_text("half")
        raise LabError("the network is gone")

    def test_free_ports_differ(self):
        self.assertEqual(len(set(ports.free(5))), 5)

    def test_versions_have_short_names(self):
        self.assertEqual(versions.flink("2.x").version, "2.2.1")
        self.assertEqual(versions.flink("1.20").version, "1.20.5")
        with self.assertRaises(LabError):
            versions.flink("3")

    def test_the_demo_rises_and_falls_within_its_first_minutes(self):
        table = demo.waves(0)
        self.assertEqual(table[:4], [(0, 300_000), (45_000, 1_200_000), (135_000, 300_000), (225_000, 300_000)])
        self.assertEqual([demo.seconds(text) for text in ("90", "90s", "5m", "1h")], [90, 90, 300, 3600])


if __name__ == "__main__":
    unittest.main(argv=["labkit"])
