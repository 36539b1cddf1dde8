# SPDX-License-Identifier: Apache-2.0
"""The published autoscaler beside Weirkeeper: fetched, hosted, measured."""
