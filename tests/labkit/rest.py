# SPDX-License-Identifier: Apache-2.0
"""The few calls of Flink's REST API that the lab makes."""

import json
import urllib.error
import urllib.request
import uuid

from .errors import LabError

TIMEOUT = 20
# The lab talks to the loopback interface only: never through a proxy of the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url, method="GET", body=None, content_type="application/json", timeout=TIMEOUT):
    """The decoded answer; LabError with Flink's own words if it refuses."""
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": content_type})
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise LabError(f"{method} {url}: {error.code}: {_words(error.read().decode())}") from error
    except OSError as error:
        raise LabError(f"{method} {url}: {error}") from error
    return json.loads(text) if text else {}


def attempt(url):
    """Like call, but None where there is no answer yet."""
    try:
        return call(url, timeout=3)
    except LabError:
        return None


def jobs(url):
    return call(f"{url}/jobs/overview")["jobs"]


def running_job(url, name):
    """The job of this name that has not ended, or None."""
    ended = {"FINISHED", "CANCELED", "FAILED"}
    found = [job for job in jobs(url) if job["name"] == name and job["state"] not in ended]
    return found[-1] if found else None


def upload(url, jar):
    """Returns the jar's id on the cluster."""
    boundary = uuid.uuid4().hex
    head = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"{jar.name}\"\r\n"
        "Content-Type: application/x-java-archive\r\n\r\n"
    ).encode()
    body = head + jar.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    answer = call(f"{url}/jars/upload", "POST", body, f"multipart/form-data; boundary={boundary}", timeout=60)
    return answer["filename"].rsplit("/", 1)[-1]


def _words(text):
    """Flink answers with a list of messages, the last of them a stack trace."""
    try:
        errors = json.loads(text)["errors"]
        return " ".join(errors).strip().splitlines()[0][:2000] + _causes(errors)
    except (ValueError, KeyError, TypeError, IndexError):
        return text[:2000]


def _causes(errors):
    causes = [line for line in "\n".join(errors).splitlines() if line.startswith("Caused by:")]
    return "".join(f"\n  {line}" for line in causes[-3:])
