# SPDX-License-Identifier: Apache-2.0
"""How the lab fails: one message for a person, one exit code for a program."""


class LabError(Exception):
    """Something could not be done; the message says what and the way out."""

    exit_code = 1


class MissingError(LabError):
    """A part of the system or of the cache is not there."""

    exit_code = 3
