"""docs/metrics.md, from the metric families."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.http.metrics import FAMILIES, Family

_INTRO = """\
# Metrics

`GET /metrics` at `console.listen` serves every metric in Prometheus' text format:

```text
scrape_configs:
  - job_name: autoscaler
    static_configs: [{targets: ["localhost:8085"]}]
```

On loopback, reading is free. On other addresses Prometheus needs the token, from a file that it may read:

```text
    authorization: {credentials_file: /etc/prometheus/autoscaler.token}
```

A token also allows changes, so give Prometheus a token of its own: `console: {token: {prometheus: ...}}`.

**Unknown values are missing**, and never 0. Three kinds of values can be missing:

- the count of a queue that does not answer;
- the demand of a fleet, if a part of it is unknown;
- every observed value, if the last good tick is older than three polling intervals (and 15 s).

So alert on `autoscaler_source_up`, `autoscaler_fleet_demand_known` and `autoscaler_tick_age_seconds` for
unknown values, and on the other metrics for known ones.

Counters begin at 0 when the daemon starts. A removed fleet has no metrics. No label holds a worker's or a
task's name.
"""

_REST = """\
The client library adds `process_...` metrics of the daemon: its CPU time, memory and file descriptors.

## Alerts

[deploy/prometheus/autoscaler.rules.yaml](../deploy/prometheus/autoscaler.rules.yaml) is ready to use. The
Debian package has it in `/usr/share/doc/autoscaler/examples`. Each alert has the next step, and its
section of [troubleshooting](troubleshooting.md#alerts). Copy the file to a folder in `rule_files` of your
`prometheus.yml`, and check it:

```sh
promtool check rules /etc/prometheus/rules/autoscaler.rules.yaml
```

## Grafana

[deploy/grafana/autoscaler.json](../deploy/grafana/autoscaler.json) is a dashboard, and is also in the
package. Import the file under Dashboards, New, Import. The dashboard shows tasks, workers by state, wait
and reasons of each fleet.

A panel has a gap where a value was unknown. If several daemons have a fleet of the same name, one unknown
value is enough for a gap.
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
