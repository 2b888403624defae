"""Other scalers, re-implemented from their published rules."""

from autoscaler.tools.simulate.peers.aws import AwsBacklog
from autoscaler.tools.simulate.peers.celery import CeleryAutoscale
from autoscaler.tools.simulate.peers.fixed import Fixed
from autoscaler.tools.simulate.peers.keda import Keda
from autoscaler.tools.simulate.peers.laravel import LaravelHybrid
from autoscaler.tools.simulate.peers.peer import Metrics, Peer, PeerScaler, Victims
from autoscaler.tools.simulate.peers.steps import Steps

__all__ = [
    "AwsBacklog",
    "CeleryAutoscale",
    "Fixed",
    "Keda",
    "LaravelHybrid",
    "Metrics",
    "Peer",
    "PeerScaler",
    "Steps",
    "Victims",
]
