"""docs/metrics.md, from the families that are scraped."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.http.metrics import FAMILIES, Family

_INTRO = """\
# Metrics

`GET /metrics` has what Prometheus needs, where `console.listen` listens:

```text
scrape_configs:
  - job_name: autoscaler
    static_configs: [{targets: ["localhost:8085"]}]
```

On loopback it is free to look. Elsewhere it needs the token, from a file that Prometheus may read:

```text
    authorization: {credentials_file: /etc/prometheus/autoscaler.token}
```

Whoever has a token may change things too, so give Prometheus one of its own: `console: {token: {prometheus:
...}}`.

**What is not known is missing**, and never 0: a queue that does not answer has no number, nor has a fleet
of which a part of the demand is not known, nor anything that was seen by a tick older than three polling
intervals (and 15 s). So alert on `autoscaler_source_up`, `autoscaler_fleet_demand_known` and
`autoscaler_tick_age_seconds` for what cannot be seen, and on the others for what is seen. Counts begin at 0
with the daemon. A fleet that is gone is gone here too. No worker and no task is a label.
"""

_REST = """\
Beside these come the usual `process_...` of the daemon itself: its processor time, memory and file
descriptors.

## Alerts

[deploy/prometheus/autoscaler.rules.yaml](../deploy/prometheus/autoscaler.rules.yaml) is ready to use; the
Debian package has it in `/usr/share/doc/autoscaler/examples`. Each alert says what to do and names its
place in [troubleshooting](troubleshooting.md#alerts). Put the file where `rule_files` of your
`prometheus.yml` looks, and try it:

```sh
promtool check rules /etc/prometheus/rules/autoscaler.rules.yaml
```

## Grafana

[deploy/grafana/autoscaler.json](../deploy/grafana/autoscaler.json), beside it in the package, is imported
under Dashboards, New, Import: tasks, workers by state, wait and reasons of each fleet. Its panels have gaps
where something was not known, be it by one of several daemons that have a fleet of this name.
"""


def metrics_page() -> str:
    """The page: every metric with its labels and meaning, as Markdown."""
    rows = ["| metric | labels | kind | |", "| --- | --- | --- | --- |", *map(_row, FAMILIES)]
    return "\n".join([_INTRO, "## All of them", "", *rows, "", _REST])


def _row(family: Family) -> str:
    return f"| {' | '.join(_cells(family))} |"


def _cells(family: Family) -> Iterator[str]:
    yield f"`{family.full_name}`"
    yield ", ".join(f"`{label}`" for label in family.labels) or "-"
    yield family.kind
    yield family.help
