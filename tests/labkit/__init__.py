# SPDX-License-Identifier: Apache-2.0
"""The lab: fetches, starts, loads and stops a real Flink (and a real Kafka) for tests and for play."""
