"""The config: `autoscaler.yaml` -> `Config`, or every problem with file, line, key and rule.

    bytes --yaml_lines--> plain data + the line of every key --schema--> Config
                                                             --explain--> Problems

What a value must be stands in `schema`; what one piece of text must look like in `units`, `text`, `urls`
and `crontab`.
"""

from autoscaler.config.fleet import Fleet
from autoscaler.config.json_schema import json_schema
from autoscaler.config.load import find, load
from autoscaler.config.places import files_of, line_of, socket_of, state_dir_of
from autoscaler.config.scale import Scale, ScheduleKeys, ThresholdScale
from autoscaler.config.schema import (
    Broker,
    Config,
    Console,
    Host,
    Supervisord,
)
from autoscaler.config.singleton import Singleton

__all__ = [
    "Broker",
    "Config",
    "Console",
    "Fleet",
    "Host",
    "Scale",
    "ScheduleKeys",
    "Singleton",
    "Supervisord",
    "ThresholdScale",
    "files_of",
    "find",
    "json_schema",
    "line_of",
    "load",
    "socket_of",
    "state_dir_of",
]
