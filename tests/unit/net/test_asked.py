"""Questions at the edges are in the debug log: what was asked, how long it took, what came back."""

from __future__ import annotations

import logging

import pytest

from autoscaler.errors import SourceError
from autoscaler.net.asked import Asked

LOG = logging.getLogger("autoscaler.test")


@pytest.fixture(autouse=True)
def _debug(caplog):
    caplog.set_level(logging.DEBUG, LOG.name)


def test_a_question_and_its_answer_are_one_line_with_the_milliseconds(caplog):
    with Asked(LOG, "GET queues", fleet="emails") as asked:
        asked.came_back("3 counts")
    (record,) = caplog.records
    assert record.getMessage().startswith("GET queues: 3 counts (")
    assert record.fleet == "emails"
    assert 0 <= record.ms < 1000
    assert f"({record.ms} ms)" in record.getMessage()


def test_our_own_error_is_told_and_goes_on(caplog):
    with pytest.raises(SourceError), Asked(LOG, "GET queues"):
        raise SourceError("no answer within 1 s")
    assert "GET queues: failed: no answer within 1 s" in caplog.text


def test_the_words_of_another_error_stay_out_of_the_log(caplog):
    with pytest.raises(ValueError, match="s3cret"), Asked(LOG, "connect"):
        raise ValueError("amqp://u:s3cret@h")
    assert "connect: failed: ValueError" in caplog.text
    assert "s3cret" not in caplog.text


def test_nothing_is_logged_above_debug(caplog):
    caplog.set_level(logging.INFO, LOG.name)
    with Asked(LOG, "GET queues"):
        pass
    assert caplog.records == []
