# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the figures, on a case computed by hand: python3 -m peerkit.selftest"""

import unittest

from . import figures


def sample(second, parallelism, backlog, restarts=0, running=True, slots=None):
    return {
        "at_ms": second * 1000, "running": running, "parallelism": {"enrich": parallelism}, "backlog": backlog,
        "restarts": restarts, "slots": slots or parallelism, "process": {"cpu_s": second * 0.01, "rss_mib": 9, "peak_mib": 10 + second},
    }


class Figures(unittest.TestCase):
    def setUp(self):
        # 300/s for 10 s, then 1200/s: two subtasks after 4 s, three after 8 s, caught up after 15 s.
        samples = [sample(s, 1, 0) for s in range(10)]
        samples += [sample(s, 1 if s < 14 else 2, (s - 10) * 900) for s in range(10, 18)]
        samples += [sample(s, 3, 9000, 2) for s in range(18, 25)]
        samples += [sample(s, 3, 3000, 2) for s in range(25, 31)]
        body = {"aa": {"parallelism": {"lowerBound": 1, "upperBound": 2}}}
        changes = [{"method": "PUT", "at_ms": 13_000, "body": body}, {"method": "PUT", "at_ms": 17_500, "body": None}]
        told = {"requests": 60, "changes": changes, "names": {"aa": "enrich", "bb": "sink"}, "machine": {"cores": 2, "load": 0.5}}
        self.figures = figures.of("peer", "fast", "2.2.1", [(0, 300.0), (10_000, 1200.0)], 31_000, samples, told, 500)

    def test_the_whole(self):
        f = self.figures
        self.assertEqual((f["requests"], f["requests_per_minute"], f["changes_asked"], f["restarts"]), (60, 120.0, 2, 2))
        # 14 s with one slot, 4 with two, 12 with three.
        self.assertAlmostEqual(f["slot_hours"], (14 + 8 + 36) / 3600, places=4)
        self.assertEqual(f["worst_lag_s"], 7.5)
        self.assertEqual((f["cpu_s_per_minute"], f["peak_mib"]), (0.6, 40))

    def test_the_step(self):
        step = self.figures["phases"][1]
        self.assertEqual((step["need"], step["requests_to_change"], step["first_request_s"]), (3, 2, 3.0))
        self.assertEqual(step["asked"], [[3.0, 2], [7.5, None]])
        self.assertEqual((step["right_s"], step["caught_up_s"], step["ended_at"]), (8.0, 15.0, 3))

    def test_down_is_right_with_little_spare_room(self):
        self.assertTrue(figures._is_right(sample(0, 2, 0), 1, up=False))
        self.assertFalse(figures._is_right(sample(0, 3, 0), 1, up=False))
        self.assertFalse(figures._is_right(sample(0, 1, 0, running=False), 1, up=False))


if __name__ == "__main__":
    unittest.main()
